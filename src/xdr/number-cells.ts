// 64-bit integers and floating point numbers, through eight bytes that all calls share: no object is made but the bigint.
import { getInt32, putInt32 } from "../util/bytes.js";

const cells = new Int32Array(2);
const signed = new BigInt64Array(cells.buffer);
const unsigned = new BigUint64Array(cells.buffer);
const floats = new Float32Array(cells.buffer);
const doubles = new Float64Array(cells.buffer);

// The first cell holds the 1 where the low half comes first, and then the high half is the second.
unsigned[0] = 1n;
const HIGH = cells[0] as number;
const LOW = 1 - HIGH;

function load64(bytes: Uint8Array, offset: number): void {
  cells[HIGH] = getInt32(bytes, offset);
  cells[LOW] = getInt32(bytes, offset + 4);
}

function store64(bytes: Uint8Array, offset: number): void {
  putInt32(bytes, offset, cells[HIGH] as number);
  putInt32(bytes, offset + 4, cells[LOW] as number);
}

/** The caller has checked that eight bytes are there, as for all that follow. */
export function getInt64(bytes: Uint8Array, offset: number): bigint {
  load64(bytes, offset);
  return signed[0] as bigint;
}

export function getUint64(bytes: Uint8Array, offset: number): bigint {
  load64(bytes, offset);
  return unsigned[0] as bigint;
}

export function getFloat64(bytes: Uint8Array, offset: number): number {
  load64(bytes, offset);
  return doubles[0] as number;
}

/** Needs four bytes. */
export function getFloat32(bytes: Uint8Array, offset: number): number {
  cells[0] = getInt32(bytes, offset);
  return floats[0] as number;
}

export function fitsInt64(value: bigint): boolean {
  signed[0] = value;
  return signed[0] === value;
}

export function fitsUint64(value: bigint): boolean {
  unsigned[0] = value;
  return unsigned[0] === value;
}

/** Writes the low 64 bits of `value`. */
export function putBigInt64(bytes: Uint8Array, offset: number, value: bigint): void {
  signed[0] = value;
  store64(bytes, offset);
}

const TWO_32 = 0x1_0000_0000;

/** @returns a number that is no safe integer where 53 bits do not hold it */
export function getInt64Number(bytes: Uint8Array, offset: number): number {
  return getInt32(bytes, offset) * TWO_32 + (getInt32(bytes, offset + 4) >>> 0);
}

/** As getInt64Number, for the unsigned 64 bits. */
export function getUint64Number(bytes: Uint8Array, offset: number): number {
  return (getInt32(bytes, offset) >>> 0) * TWO_32 + (getInt32(bytes, offset + 4) >>> 0);
}

/** @param value a safe integer */
export function putInt64Number(bytes: Uint8Array, offset: number, value: number): void {
  putInt32(bytes, offset, Math.floor(value / TWO_32));
  // Modulo 2^32, negative numbers as well.
  putInt32(bytes, offset + 4, value);
}

export function putFloat64(bytes: Uint8Array, offset: number, value: number): void {
  doubles[0] = value;
  store64(bytes, offset);
}

/** Writes four bytes. */
export function putFloat32(bytes: Uint8Array, offset: number, value: number): void {
  floats[0] = value;
  putInt32(bytes, offset, cells[0] as number);
}
