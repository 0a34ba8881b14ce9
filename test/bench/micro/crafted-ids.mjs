// Ids of connections as somebody would choose them who knows our source, but not our secret: each family is made to fall
// into a few places of a table that mixes epoch and connection id in one particular way.
import { KeyedHash } from "../../../dist/util/keyed-hash.js";

const EPOCH = 0x9abcdef0 | 0;
const BASE = 0x12345678;
// A table for 10 000 has 32 768 cells; a search takes ids that fall into 256 of them.
const CELLS_MASK = 0x7fff;
const CELLS_HIT = 256;

/**
 * @typedef {object} Ids
 * @property {Int32Array} epochs
 * @property {Int32Array} cids the channel's bits are 0
 */

/**
 * @param {number} count
 * @param {(i: number) => number} epochOf
 * @param {(i: number) => number} cidOf
 * @returns {Ids}
 */
function byRule(count, epochOf, cidOf) {
  const epochs = new Int32Array(count);
  const cids = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    epochs[i] = epochOf(i);
    cids[i] = cidOf(i);
  }
  return { epochs, cids };
}

/**
 * @param {number} count
 * @param {(epoch: number, cid: number) => number} mix gives the cell in its low bits
 * @returns {Ids}
 */
function bySearch(count, mix) {
  const epochs = new Int32Array(count).fill(EPOCH);
  const cids = new Int32Array(count);
  for (let found = 0, cid = 4; found < count; cid = (cid + 4) | 0) {
    if ((mix(EPOCH, cid) & CELLS_MASK) < CELLS_HIT) cids[found++] = cid;
  }
  return { epochs, cids };
}

/** The finish of MurmurHash3. */
function finish(word) {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function murmur3(epoch, cid) {
  let h = 0;
  for (let i = 0; i < 2; i++) {
    let k = Math.imul(i === 0 ? epoch : cid, 0xcc9e2d51);
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    h ^= k;
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
  }
  return finish(h ^ 8);
}

function byteOf(epoch, cid, i) {
  return ((i < 4 ? epoch : cid) >>> (24 - 8 * (i & 3))) & 0xff;
}

function fnv1a(epoch, cid) {
  let h = 0x811c9dc5;
  for (let i = 0; i < 8; i++) h = Math.imul(h ^ byteOf(epoch, cid, i), 0x01000193);
  return h;
}

/** Bob Jenkins's one-at-a-time. */
function oneAtATime(epoch, cid) {
  let h = 0;
  for (let i = 0; i < 8; i++) {
    h = (h + byteOf(epoch, cid, i)) | 0;
    h = (h + (h << 10)) | 0;
    h ^= h >>> 6;
  }
  h = (h + (h << 3)) | 0;
  h ^= h >>> 11;
  return (h + (h << 15)) | 0;
}

function crc32(epoch, cid) {
  let crc = -1;
  for (let i = 0; i < 8; i++) {
    crc ^= byteOf(epoch, cid, i);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc;
}

/** Knuth's multiplication, of which the high bits count. */
function multiplied(epoch, cid) {
  return Math.imul((epoch + Math.imul(cid, 31)) | 0, 0x9e3779b1) >>> 17;
}

const keyless = new KeyedHash(0, 0);
const words = new Int32Array(3);

/** What the table itself would do if its key were known to be zero. */
function withoutKey(epoch, cid) {
  words[0] = epoch;
  words[1] = cid;
  words[2] = 1;
  return keyless.hash(words, 3);
}

export const WITHOUT_KEY = "our own hash, had it no key";

/** @type {readonly (readonly [name: string, make: (count: number) => Ids])[]} */
export const families = [
  ["every connection of one epoch", (n) => byRule(n, () => EPOCH, (i) => i * 4)], // biome-ignore format: a table
  ["the same low bits", (n) => byRule(n, () => EPOCH, (i) => i << 16)], // biome-ignore format: a table
  ["the same low bits of the epoch", (n) => byRule(n, (i) => i << 17, () => 8)], // biome-ignore format: a table
  ["the same high bits", (n) => byRule(n, (i) => 0x9abc0000 + i, (i) => 0x7ff00000 + i * 4)], // biome-ignore format: a table
  ["steps of 2^32 / the golden ratio", (n) => byRule(n, () => EPOCH, (i) => Math.imul(i, 0x9e3779b4))], // biome-ignore format: a table
  ["the same epoch ^ cid", (n) => byRule(n, (i) => (i * 4) ^ BASE, (i) => i * 4)], // biome-ignore format: a table
  ["the same epoch + cid", (n) => byRule(n, (i) => BASE - i * 4, (i) => i * 4)], // biome-ignore format: a table
  ["the same 31 * epoch + cid", (n) => byRule(n, (i) => i * 4, (i) => BASE - 31 * i * 4)], // biome-ignore format: a table
  ["the same multiple", (n) => bySearch(n, multiplied)],
  ["MurmurHash3", (n) => bySearch(n, murmur3)],
  ["MurmurHash3's finish of epoch ^ cid", (n) => bySearch(n, (epoch, cid) => finish(epoch ^ cid))],
  ["FNV-1a", (n) => bySearch(n, fnv1a)],
  ["one-at-a-time", (n) => bySearch(n, oneAtATime)],
  ["CRC-32", (n) => bySearch(n, crc32)],
  [WITHOUT_KEY, (n) => bySearch(n, withoutKey)],
];
