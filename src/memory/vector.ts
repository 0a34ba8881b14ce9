// A growable array of numbers: one typed array that is replaced by one of twice the size when it is full.
import { RxError, RxOptionError } from "../util/errors.js";
import type { Arena } from "./arena.js";

/** What a vector can be made of. */
export type VectorItems = Uint8Array | Int32Array | Uint32Array | Float64Array;

/** The constructor of such an array: `Uint8Array`, `Int32Array`, `Uint32Array` or `Float64Array`. */
export interface VectorKind<T extends VectorItems> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T;
}

const KINDS: readonly unknown[] = [Uint8Array, Int32Array, Uint32Array, Float64Array];
const BYTES_MAX = 2 ** 31 - 1;
const CAPACITY_MIN = 4;
// ENOMEM.
const ABORT_NO_MEMORY = 12;

/**
 * Elements 0..length-1 of one kind. Without an arena the memory is the heap's and charged to nobody; in an arena it is
 * charged and goes with the call, and what growth leaves behind stays the arena's until then: all steps together cost
 * up to four times what is in use, so `reserve()` what you can tell beforehand.
 *
 * When the arena is cleared the vector is empty and everything but `length`, `capacity` and `clear()` throws
 * RxError RX_ERR_CALL_ENDED.
 */
export class Vector<T extends VectorItems> {
  readonly #kind: VectorKind<T>;
  readonly #arena: Arena | null;
  readonly #capacityMax: number;
  #items: T;
  #length = 0;

  /**
   * @param kind constructor of the elements' array
   * @param arena where the memory comes from; null, the default, is the heap
   * @throws RxOptionError
   */
  constructor(kind: VectorKind<T>, arena: Arena | null = null) {
    if (!KINDS.includes(kind)) {
      throw new RxOptionError("kind", "Uint8Array, Int32Array, Uint32Array or Float64Array", kind);
    }
    this.#kind = kind;
    this.#arena = arena;
    this.#capacityMax = Math.floor(BYTES_MAX / kind.BYTES_PER_ELEMENT);
    this.#items = new kind(new ArrayBuffer(0), 0, 0);
  }

  /** Elements that are filled. */
  get length(): number {
    return this.#isEnded() ? 0 : this.#length;
  }

  /** Elements there is room for before the next growth. */
  get capacity(): number {
    return this.#isEnded() ? 0 : this.#items.length;
  }

  /**
   * Sees to it that the next `count` elements need no growth. Grows, if at all, to 4 elements and then by doubling.
   *
   * @param count elements beyond `length`, 0 or more; all together at most 2^31-1 bytes
   * @throws RxOptionError
   * @throws RxError RX_ERR_MEMORY with abort code 12, RX_ERR_CALL_ENDED; nothing is changed then
   */
  reserve(count: number): void {
    this.#checkLive("reserve");
    const countMax = this.#capacityMax - this.#length;
    if (!Number.isInteger(count) || count < 0 || count > countMax) {
      throw new RxOptionError("count", `an integer from 0 to ${countMax}`, count);
    }
    if (this.#length + count > this.#items.length) this.#grow(this.#length + count);
  }

  /**
   * Puts `value` behind the last element, converted as the typed array does it (an Int32Array keeps the low 32 bits).
   *
   * @throws as `reserve(1)`
   */
  push(value: number): void {
    this.reserve(1);
    this.#items[this.#length++] = value;
  }

  /**
   * Puts all of `values` behind the last element; they may be a part of this vector.
   *
   * @param values borrowed until this returns
   * @throws as `reserve(values.length)`; nothing is changed then
   */
  append(values: ArrayLike<number>): void {
    const count = values.length;
    this.reserve(count);
    this.#items.set(values, this.#length);
    this.#length += count;
  }

  /** The element at `index`, 0..length-1. @throws RxOptionError, which is a RangeError; RxError RX_ERR_CALL_ENDED */
  at(index: number): number {
    this.#checkIndex("at", index);
    return this.#items[index] as number;
  }

  /** Replaces the element at `index`, 0..length-1. @throws as `at()` */
  set(index: number, value: number): void {
    this.#checkIndex("set", index);
    this.#items[index] = value;
  }

  /**
   * The filled part, not copied: valid until the vector grows, after which it shows what was.
   *
   * @throws RxError RX_ERR_CALL_ENDED
   */
  view(): T {
    this.#checkLive("view");
    return this.#items.subarray(0, this.#length) as T;
  }

  /** Forgets the elements and keeps the room. */
  clear(): void {
    this.#length = 0;
  }

  #grow(needed: number): void {
    let capacity = Math.max(CAPACITY_MIN, this.#items.length);
    while (capacity < needed) capacity *= 2;
    const grown = this.#make(Math.min(capacity, this.#capacityMax));
    grown.set(this.#items.subarray(0, this.#length));
    this.#items = grown;
  }

  #make(capacity: number): T {
    const bytes = capacity * this.#kind.BYTES_PER_ELEMENT;
    if (this.#arena !== null) {
      const room = this.#arena.alloc(bytes);
      return new this.#kind(room.buffer, room.byteOffset, capacity);
    }
    try {
      return new this.#kind(new ArrayBuffer(bytes), 0, capacity);
    } catch (cause) {
      const message = `${bytes} bytes asked, the system has no memory left`;
      throw new RxError("RX_ERR_MEMORY", message, { abortCode: ABORT_NO_MEMORY, cause });
    }
  }

  #isEnded(): boolean {
    return this.#arena?.isCleared === true;
  }

  #checkLive(operation: string): void {
    if (this.#isEnded())
      throw new RxError("RX_ERR_CALL_ENDED", `${operation}: the vector went with its call`);
  }

  #checkIndex(operation: string, index: number): void {
    this.#checkLive(operation);
    if (!Number.isInteger(index) || index < 0 || index >= this.#length) {
      throw new RxOptionError("index", `an integer of 0 or more, below ${this.#length}`, index);
    }
  }
}
