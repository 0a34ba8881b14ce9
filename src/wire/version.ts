// VERSION packets: what a server says that it runs. The same type without ClientInitiated is a keepalive: drop it.
import { assert } from "../util/assert.js";
import { escapeBytes } from "./escape.js";
import { PacketFlag } from "./packet-type.js";

/** Bytes of the usual reply body. A stranger's budget may call for a shorter one. */
export const VERSION_REPLY_SIZE = 65;

// OpenAFS `rxdebug -version` copies 64 bytes and prints them up to a NUL that it does not check for.
const TEXT_MAX = 63;

/** @returns whether the packet asks for our version: it comes from a client and its body begins with a zero byte. */
export function isVersionRequest(flags: number, bytes: Uint8Array, offset: number, end: number): boolean {
  return (flags & PacketFlag.ClientInitiated) !== 0 && end - offset >= 1 && bytes[offset] === 0;
}

/**
 * Writes a reply body of exactly `size` bytes: `text`, cut where needed so that a NUL always follows it, then NULs.
 *
 * @param size 1 to VERSION_REPLY_SIZE
 * @returns the offset after the body
 */
export function writeVersionReply(bytes: Uint8Array, offset: number, text: Uint8Array, size: number): number {
  assert(size >= 1 && size <= VERSION_REPLY_SIZE, "the size of a VERSION reply is 1 to 65");
  const end = offset + size;
  assert(end <= bytes.length, "the VERSION reply fits the buffer");
  const room = size - 1 < TEXT_MAX ? size - 1 : TEXT_MAX;
  const length = text.length < room ? text.length : room;
  for (let i = 0; i < length; i++) bytes[offset + i] = text[i] as number;
  for (let at = offset + length; at < end; at++) bytes[at] = 0;
  return end;
}

/** Writes the one zero byte of a request or keepalive. @returns the offset after the body */
export function writeVersionRequest(bytes: Uint8Array, offset: number): number {
  bytes[offset] = 0;
  return offset + 1;
}

/** @returns the text of a reply up to its NUL, at most VERSION_REPLY_SIZE bytes of it, with all but printable ASCII escaped. */
export function readVersionText(bytes: Uint8Array, offset: number, end: number): string {
  const stop = end - offset > VERSION_REPLY_SIZE ? offset + VERSION_REPLY_SIZE : end;
  let at = offset;
  while (at < stop && bytes[at] !== 0) at++;
  return escapeBytes(bytes, offset, at);
}
