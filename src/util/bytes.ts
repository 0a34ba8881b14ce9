// Big-endian reads and writes over a Uint8Array, by indexing: a DataView would be one object per datagram.

/** Signed 32-bit integer at `offset`. The caller has checked that four bytes are there. */
export function getInt32(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] as number) << 24) |
    ((bytes[offset + 1] as number) << 16) |
    ((bytes[offset + 2] as number) << 8) |
    (bytes[offset + 3] as number)
  );
}

/** Unsigned 16-bit integer at `offset`. The caller has checked that two bytes are there. */
export function getUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
}

/** Writes the low 32 bits of `value`. */
export function putInt32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >> 24;
  bytes[offset + 1] = value >> 16;
  bytes[offset + 2] = value >> 8;
  bytes[offset + 3] = value;
}

/** Writes the low 16 bits of `value`. */
export function putUint16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >> 8;
  bytes[offset + 1] = value;
}

// Below this, a loop beats the call into the runtime and the view it needs.
const LOOP_COPY_MAX = 48;

/**
 * Copies `length` bytes between two arrays that do not share memory.
 * Whole arrays and short runs are copied without making an object; a long part of a longer array costs one view.
 */
export function copyBytes(
  to: Uint8Array,
  toOffset: number,
  from: Uint8Array,
  fromOffset: number,
  length: number,
): void {
  if (length <= LOOP_COPY_MAX) {
    for (let i = 0; i < length; i++) to[toOffset + i] = from[fromOffset + i] as number;
  } else if (fromOffset === 0 && length === from.length) {
    to.set(from, toOffset);
  } else {
    to.set(from.subarray(fromOffset, fromOffset + length), toOffset);
  }
}

/** All of `parts` behind one another, in an array of its own. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  let total = 0;
  for (const part of parts) total += part.length;
  const all = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
