// Mutations that know how a datagram is laid out: the header's fields, ACK counts and trailers, jumbo chains, borders.
import { ACK_FIXED_SIZE } from "../../../src/wire/ack.js";
import { HEADER_SIZE, HeaderOffset } from "../../../src/wire/header.js";
import { JUMBO_DATA_SIZE, JUMBO_HEADER_SIZE } from "../../../src/wire/jumbo.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { INTERESTING, joined, pick, putNumber } from "../mutate.js";
import type { MutationRandom } from "../target.js";

/** Offset and width of each field of the header. */
const FIELDS: readonly (readonly [number, number])[] = [
  [HeaderOffset.Epoch, 4],
  [HeaderOffset.Cid, 4],
  [HeaderOffset.CallNumber, 4],
  [HeaderOffset.Seq, 4],
  [HeaderOffset.Serial, 4],
  [HeaderOffset.Type, 1],
  [HeaderOffset.Flags, 1],
  [HeaderOffset.UserStatus, 1],
  [HeaderOffset.SecurityIndex, 1],
  [HeaderOffset.Cksum, 2],
  [HeaderOffset.ServiceId, 2],
];
const TYPES: readonly number[] = [...Object.values(PacketType), 0, 10, 14, 255];
const FLAGS: readonly number[] = [
  0,
  PacketFlag.ClientInitiated,
  PacketFlag.JumboPacket,
  PacketFlag.JumboPacket | PacketFlag.LastPacket,
  PacketFlag.ClientInitiated | PacketFlag.LastPacket,
  0xff,
];
/** Sizes of bodies at which a reader of one changes its mind. */
const BODY_SIZES: readonly number[] = [
  0, 1, 3, 4, 7, 8, 17, 18, 20, 21, 22, 25, 29, 33, 37, 38, 55, 56, 65, 66, 131, 132, 175, 176, 283, 284,
  1_412, 1_415, 1_416, 1_417, 2_832,
];
const N_ACKS_AT = HEADER_SIZE + 17;
const PITCH = JUMBO_DATA_SIZE + JUMBO_HEADER_SIZE;

/** One change to a datagram that keeps to its layout. */
export function mutateDatagram(bytes: Uint8Array, random: MutationRandom): Uint8Array {
  switch (random.below(7)) {
    case 0: {
      const [at, width] = pick(random, FIELDS);
      if (bytes.length >= HEADER_SIZE) putNumber(bytes, at, width, pick(random, INTERESTING));
      return bytes;
    }
    case 1:
      if (bytes.length >= HEADER_SIZE) bytes[HeaderOffset.Type] = pick(random, TYPES);
      return bytes;
    case 2:
      if (bytes.length >= HEADER_SIZE) bytes[HeaderOffset.Flags] = pick(random, FLAGS);
      return bytes;
    case 3:
      return resized(bytes, HEADER_SIZE + pick(random, BODY_SIZES) + random.below(3) - 1);
    case 4:
      return withCount(bytes, random);
    case 5:
      return withSubHeader(bytes, random);
    default: {
      // A word of the body, as trailers and questions have them.
      const words = Math.floor((bytes.length - HEADER_SIZE) / 4);
      const shift = random.below(4);
      const at = HEADER_SIZE + 4 * random.below(Math.max(1, words)) + shift;
      if (at + 4 <= bytes.length) putNumber(bytes, at, 4, pick(random, INTERESTING));
      return bytes;
    }
  }
}

/** nAcks as it is, one more, one less, or far too many; with as many entries, or fewer. */
function withCount(bytes: Uint8Array, random: MutationRandom): Uint8Array {
  if (bytes.length <= N_ACKS_AT) return bytes;
  const present = bytes.length - HEADER_SIZE - ACK_FIXED_SIZE;
  bytes[N_ACKS_AT] = pick(random, [0, 1, present - 1, present, present + 1, present - 19, 32, 254, 255]);
  if (random.below(2) === 0) return bytes;
  return resized(bytes, HEADER_SIZE + ACK_FIXED_SIZE + (bytes[N_ACKS_AT] ?? 0) + random.below(21));
}

/** The flags of a sub-header of a jumbogram, with the room for one more segment behind it, or less. */
function withSubHeader(bytes: Uint8Array, random: MutationRandom): Uint8Array {
  if (bytes.length < HEADER_SIZE) return bytes;
  const segment = 1 + random.below(8);
  const at = HEADER_SIZE + segment * PITCH - JUMBO_HEADER_SIZE;
  const longer = bytes.length <= at ? resized(bytes, at + JUMBO_HEADER_SIZE + random.below(3) * 706) : bytes;
  longer[at] = pick(random, FLAGS);
  longer[HeaderOffset.Flags] = (longer[HeaderOffset.Flags] as number) | PacketFlag.JumboPacket;
  return longer;
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  return size <= bytes.length
    ? bytes.slice(0, Math.max(size, 0))
    : joined(bytes, new Uint8Array(size - bytes.length));
}
