// The null class, security index 0: nothing is protected, nobody is asked who they are.
import type { SecurityClass, SecurityContext } from "../core/security-class.js";

// All connections share one context: there is no state, and nothing of it is ever called with a challenge.
const context: SecurityContext = {
  protectData: () => undefined,
  verifyData: () => 0,
  writeChallenge: (_bytes, offset) => offset,
  verifyResponse: () => 0,
  acceptChallenge: () => 0,
  writeResponse: (_header, _bytes, offset) => offset,
  dispose: () => undefined,
};

/** rx-wire.md section 5: index 0, CHALLENGE and RESPONSE are never used, the header's cksum is 0. */
export const nullSecurity: SecurityClass = {
  securityIndex: 0,
  name: "null",
  needsChallenge: false,
  headerBytes: 0,
  trailerBytes: 0,
  createContext: () => context,
};
