// A first-in first-out list of any length whose links are part of the items: moving an item allocates nothing.
import { assert } from "../util/assert.js";

/** What a chain holds. An item is in one chain at a time. */
export interface Chained<T> {
  /** The item behind this one; the chain's own. */
  next: T | null;
}

/** Items go in at the end and come out at the head. */
export class Chain<T extends Chained<T>> {
  #head: T | null = null;
  #last: T | null = null;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The oldest item, or null when there is none. */
  get head(): T | null {
    return this.#head;
  }

  push(item: T): void {
    assert(item.next === null, "an item is put into two chains");
    if (this.#last === null) this.#head = item;
    else this.#last.next = item;
    this.#last = item;
    this.#count++;
  }

  /** Takes the oldest item out, or gives null when there is none. */
  shift(): T | null {
    const item = this.#head;
    if (item === null) return null;
    this.#head = item.next;
    if (this.#head === null) this.#last = null;
    item.next = null;
    this.#count--;
    return item;
  }

  /** Moves all items of `other` behind those of this one. */
  append(other: Chain<T>): void {
    for (let item = other.shift(); item !== null; item = other.shift()) this.push(item);
  }

  /** Drops every item. */
  clear(): void {
    while (this.shift() !== null);
  }
}
