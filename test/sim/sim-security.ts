// The fake security class of the unit tests, with a handshake that both ends can play, and a checksum that a changed packet
// does not pass.
import {
  type ConnectionFacts,
  type PayloadRange,
  type SecurityContext,
  VERDICT_PENDING,
} from "../../src/core/security-class.js";
import type { PacketHeader } from "../../src/wire/header.js";
import { BAD, BAD_PAYLOAD, FakeSecurity, GOOD } from "../unit/core/fake-security.js";

/** What a RESPONSE with an expired ticket is told. */
export const EXPIRED = 19_270_409;
const OLD = 4;

/** What a side says in the handshake, and how it takes what it hears. */
export interface Handshake {
  /** The RESPONSE is wrong. */
  readonly isWrong?: boolean;
  /** The RESPONSE was good once. */
  readonly isExpired?: boolean;
  /** The verdict on a RESPONSE comes later. */
  readonly later?: (resolve: () => void) => void;
}

/** Security index 2. One object belongs to one end. */
export class SimSecurity extends FakeSecurity {
  readonly #handshake: Handshake;

  constructor(handshake: Handshake = {}) {
    super(true);
    this.#handshake = handshake;
  }

  override createContext(connection: ConnectionFacts): SecurityContext {
    const inner = super.createContext(connection);
    const { isWrong, isExpired, later } = this.#handshake;
    const says = isExpired === true ? OLD : isWrong === true ? BAD : GOOD;
    let isLive = true;
    return {
      ...inner,
      protectData: (header, bytes, range) => {
        inner.protectData(header, bytes, range);
        header.cksum = sum(header, bytes, range);
      },
      verifyData: (header, bytes, range) => {
        if (range.length < 6 || header.cksum !== sum(header, bytes, range)) return BAD_PAYLOAD;
        return inner.verifyData(header, bytes, range);
      },
      writeChallenge: (bytes, offset) => {
        bytes.fill(GOOD, offset, offset + 20);
        return offset + 20;
      },
      writeResponse: (header, bytes, offset) => {
        header.cksum = 9;
        bytes.fill(says, offset, offset + 30);
        return offset + 30;
      },
      verifyResponse: (bytes, offset, end, cksum) => {
        const verdict = bytes[offset] === OLD ? EXPIRED : inner.verifyResponse(bytes, offset, end, cksum);
        if (later === undefined) return verdict;
        later(() => {
          if (isLive) connection.resolve(verdict);
        });
        return VERDICT_PENDING;
      },
      dispose: () => {
        isLive = false;
        inner.dispose();
      },
    };
  }
}

// Every single changed byte changes the sum, and so does another place in the stream.
function sum(header: PacketHeader, bytes: Uint8Array, range: PayloadRange): number {
  let total = fold(header.seq) * 31 + fold(header.callNumber) * 7 + (header.cid & 3) + 1;
  for (let i = 0; i < range.length; i++) total += bytes[range.offset + i] as number;
  return total & 0xffff;
}

function fold(word: number): number {
  return (word & 0xffff) + (word >>> 16) * 17;
}
