// Mutations of inputs: bits, bytes and interesting numbers, and whole records moved, doubled, dropped or taken from another.
import type { MutationRandom, Target } from "./target.js";

/** Numbers at which parsers and windows have borders. */
export const INTERESTING: readonly number[] = [
  0, 1, 2, 3, 4, 7, 8, 16, 17, 18, 28, 31, 32, 33, 46, 47, 63, 64, 127, 128, 255, 256, 1_411, 1_412, 1_413,
  1_416, 5_692, 16_384, 16_385, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, -1, -2, -5, -0x8000_0000,
  -0x7fff_ffff,
];

const STACK_MAX = 6;

export function pick<T>(random: MutationRandom, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}

/** A changed copy of `input`, records of `other` mixed in now and then; never longer than the target takes. */
export function mutate(
  target: Target,
  input: Uint8Array,
  other: Uint8Array,
  random: MutationRandom,
): Uint8Array {
  let bytes: Uint8Array = input.slice();
  for (let n = 1 + random.below(STACK_MAX); n > 0; n--) {
    bytes =
      target.mutate !== undefined && random.below(2) === 0
        ? target.mutate(bytes, random)
        : mutateOnce(target, bytes, other, random);
  }
  const longest = target.bytesMax - (target.bytesMax % target.recordBytes);
  const whole = bytes.length - (bytes.length % target.recordBytes);
  return bytes.subarray(0, Math.min(whole, longest));
}

function mutateOnce(
  target: Target,
  bytes: Uint8Array,
  other: Uint8Array,
  random: MutationRandom,
): Uint8Array {
  const size = target.recordBytes;
  const records = Math.floor(bytes.length / size);
  const at = random.below(records + 1) * size;
  const count = (1 + random.below(4)) * size;
  switch (random.below(12)) {
    case 0:
    case 1:
      if (bytes.length > 0) flipBit(bytes, random);
      return bytes;
    case 2:
      if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
    case 3:
    case 4:
      return setNumber(bytes, random);
    case 5:
      return nudgeByte(bytes, random);
    case 6: // Drops records.
      return joined(bytes.subarray(0, at), bytes.subarray(at + count));
    case 7: // Doubles records.
      return joined(bytes.subarray(0, at + count), bytes.subarray(at));
    case 8: // New records.
      return joined(bytes.subarray(0, at), randomBytes(count, random), bytes.subarray(at));
    case 9: // The other's end behind our beginning.
      return joined(bytes.subarray(0, at), other.subarray(borderIn(other, size, random)));
    case 10: {
      // A few of the other's records in our midst.
      const from = borderIn(other, size, random);
      return joined(bytes.subarray(0, at), other.subarray(from, from + count), bytes.subarray(at));
    }
    default: {
      // Records moved to another place.
      const moved = bytes.slice(at, at + count);
      const rest = joined(bytes.subarray(0, at), bytes.subarray(at + count));
      const to = borderIn(rest, size, random);
      return joined(rest.subarray(0, to), moved, rest.subarray(to));
    }
  }
}

function borderIn(bytes: Uint8Array, size: number, random: MutationRandom): number {
  return random.below(Math.floor(bytes.length / size) + 1) * size;
}

function flipBit(bytes: Uint8Array, random: MutationRandom): void {
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
}

function nudgeByte(bytes: Uint8Array, random: MutationRandom): Uint8Array {
  if (bytes.length === 0) return bytes;
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] as number) + random.below(9) - 4;
  return bytes;
}

/** Writes an interesting number, or one about the input's length, in one, two or four bytes at any place. */
function setNumber(bytes: Uint8Array, random: MutationRandom): Uint8Array {
  const width = 1 << random.below(3);
  if (bytes.length < width) return bytes;
  const at = random.below(bytes.length - width + 1);
  const number = random.below(4) === 0 ? bytes.length + random.below(5) - 2 : pick(random, INTERESTING);
  putNumber(bytes, at, width, number);
  return bytes;
}

/** Writes the low `width` bytes of `number`, highest first. */
export function putNumber(bytes: Uint8Array, at: number, width: number, number: number): void {
  for (let i = 0; i < width; i++) bytes[at + i] = number >> (8 * (width - 1 - i));
}

function randomBytes(count: number, random: MutationRandom): Uint8Array {
  return Uint8Array.from({ length: count }, () => random.below(256));
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
