// What the core asks of a security class. Classes live in security/; the core only knows this interface.
import type { PacketHeader } from "../wire/header.js";

/** The outcome of checking a RESPONSE or CHALLENGE: 0 is good, any other value is the class's abort code. */
export type SecurityVerdict = number;
/** The check has to wait for something slow (a key). The class later calls `ConnectionFacts.resolve`, but not after dispose(). */
export const VERDICT_PENDING = Number.MIN_SAFE_INTEGER;

/** What a class may know of the connection it protects. Call numbers are those of the four channels. */
export interface ConnectionFacts {
  readonly epoch: number;
  /** Without channel bits. */
  readonly connectionId: number;
  readonly serviceId: number;
  readonly securityIndex: number;
  readonly isService: boolean;
  callNumber(channel: number): number;
  /** Delivers a verdict that was VERDICT_PENDING. */
  resolve(verdict: SecurityVerdict): void;
}

/** Where the payload of a packet stands after a class has protected or verified it. */
export class PayloadRange {
  offset = 0;
  length = 0;
}

/** The security of one connection. Methods on the packet path must not allocate or throw. */
export interface SecurityContext {
  /**
   * Protects the payload `range` of a DATA packet in place, once, before its first transmission, and sets `header.cksum`.
   * The bytes have room for the class's `headerBytes` before the payload and its `trailerBytes` after it.
   */
  protectData(header: PacketHeader, bytes: Uint8Array, range: PayloadRange): void;
  /** Verifies and opens the payload `range` of a received DATA packet in place. @returns 0 or the abort code. */
  verifyData(header: PacketHeader, bytes: Uint8Array, range: PayloadRange): SecurityVerdict;
  /** Service: writes a CHALLENGE body at `offset`. @returns the offset after it. */
  writeChallenge(bytes: Uint8Array, offset: number): number;
  /** Service: judges a RESPONSE body. `cksum` is the header's field, where some classes carry the key number. */
  verifyResponse(bytes: Uint8Array, offset: number, end: number, cksum: number): SecurityVerdict;
  /** Client: judges a CHALLENGE body and keeps what the RESPONSE needs. */
  acceptChallenge(bytes: Uint8Array, offset: number, end: number): SecurityVerdict;
  /** Client: writes the RESPONSE to the newest accepted challenge. @returns the offset after it. */
  writeResponse(header: PacketHeader, bytes: Uint8Array, offset: number): number;
  /** The connection ends: release references to keys, zero own key bytes. */
  dispose(): void;
}

export interface SecurityClass {
  /** Number on the wire (rx-wire.md section 5). */
  readonly securityIndex: number;
  readonly name: string;
  /** Whether a service must see a valid RESPONSE before a call reaches its handler. */
  readonly needsChallenge: boolean;
  /** Most bytes the class adds before and after the payload of a DATA packet. A class that adds none leaves it as it is. */
  readonly headerBytes: number;
  readonly trailerBytes: number;
  createContext(connection: ConnectionFacts): SecurityContext;
}
