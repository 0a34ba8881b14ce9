// A security class whose rules a test can read: the checksum field counts the payload's bytes, a payload that begins with
// 0xee is bad, a RESPONSE is one byte that says whether it is good.
import type { ConnectionFacts, SecurityClass, SecurityContext } from "../../../src/core/security-class.js";
import { VERDICT_PENDING } from "../../../src/core/security-class.js";

export const BAD_PAYLOAD = 19_270_410;
export const BAD_RESPONSE = 19_270_407;
/** Bodies of a RESPONSE or CHALLENGE. */
export const GOOD = 1;
export const BAD = 2;
export const SLOW = 3;

export class FakeSecurity implements SecurityClass {
  readonly securityIndex = 2;
  readonly name = "fake";
  readonly needsChallenge: boolean;
  readonly headerBytes = 4;
  readonly trailerBytes = 2;
  /** Contexts that have not been disposed of. */
  live = 0;
  /** Payloads verified, and those of them with a gap of packets still before them. */
  verified = 0;
  readonly connections: ConnectionFacts[] = [];

  constructor(needsChallenge = true) {
    this.needsChallenge = needsChallenge;
  }

  createContext(connection: ConnectionFacts): SecurityContext {
    this.live++;
    this.connections.push(connection);
    return {
      protectData: (header, bytes, range) => {
        header.cksum = range.length & 0xffff;
        range.offset -= 4;
        bytes.fill(0x5a, range.offset, range.offset + 4);
        bytes.fill(0x5b, range.offset + 4 + range.length, range.offset + 6 + range.length);
        range.length += 6;
      },
      verifyData: (_header, bytes, range) => {
        this.verified++;
        if (range.length > 0 && bytes[range.offset] === 0xee) return BAD_PAYLOAD;
        // As a class that takes its own bytes off before and behind.
        if (range.length >= 6) {
          range.offset += 4;
          range.length -= 6;
        }
        return 0;
      },
      writeChallenge: (bytes, offset) => {
        bytes.fill(7, offset, offset + 20);
        return offset + 20;
      },
      verifyResponse: (bytes, offset) => verdict(bytes[offset]),
      acceptChallenge: (bytes, offset) => verdict(bytes[offset]),
      writeResponse: (header, bytes, offset) => {
        header.cksum = 9;
        bytes.fill(8, offset, offset + 30);
        return offset + 30;
      },
      dispose: () => {
        this.live--;
      },
    };
  }
}

function verdict(byte: number | undefined): number {
  if (byte === GOOD) return 0;
  return byte === SLOW ? VERDICT_PENDING : BAD_RESPONSE;
}
