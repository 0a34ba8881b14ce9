// Values and buffers that the tests of wire/ share.
import fc from "fast-check";

export const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
export const uint16 = fc.integer({ min: 0, max: 0xffff });
export const uint8 = fc.integer({ min: 0, max: 0xff });

/** A buffer full of a byte that no writer would leave there by luck. */
export function poisoned(length: number, poison = 0xa5): Uint8Array {
  return new Uint8Array(length).fill(poison);
}

/**
 * Writes with `write` into two buffers of different poison, between guard bytes.
 *
 * @returns what was written, after checking that it is all that changed and does not depend on what was there before
 */
export function written(size: number, write: (bytes: Uint8Array, offset: number) => number): Uint8Array {
  const guard = 7;
  const parts = [0xa5, 0x5a].map((poison) => {
    const bytes = poisoned(size + 2 * guard, poison);
    const end = write(bytes, guard);
    if (end !== guard + size) throw new Error(`wrote to ${end - guard}, expected ${size}`);
    for (let i = 0; i < guard; i++) {
      if (bytes[i] !== poison || bytes[end + i] !== poison) throw new Error("wrote outside its range");
    }
    return bytes.slice(guard, end);
  });
  const [first, second] = parts as [Uint8Array, Uint8Array];
  for (let i = 0; i < size; i++) if (first[i] !== second[i]) throw new Error(`byte ${i} was left as found`);
  return first;
}
