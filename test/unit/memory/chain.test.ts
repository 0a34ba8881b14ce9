import { describe, expect, it } from "vitest";
import { Chain, type Chained } from "../../../src/memory/chain.js";
import { AssertionError } from "../../../src/util/assert.js";

class Item implements Chained<Item> {
  readonly index: number;
  next: Item | null = null;

  constructor(index: number) {
    this.index = index;
  }
}

function itemsOf(count: number): Item[] {
  return Array.from({ length: count }, (_, index) => new Item(index));
}

function chainOf(items: readonly Item[]): Chain<Item> {
  const chain = new Chain<Item>();
  for (const item of items) chain.push(item);
  return chain;
}

// Takes all out, and goes on once more to see that the end stays the end.
function drain(chain: Chain<Item>): (Item | null)[] {
  return Array.from({ length: chain.count + 1 }, () => chain.shift());
}

describe("Chain", () => {
  it("gives its items in the order they came, and null behind the last", () => {
    const items = itemsOf(3);
    const chain = chainOf(items);
    expect([chain.count, chain.head]).toEqual([3, items[0]]);
    expect(drain(chain)).toEqual([...items, null]);
    expect([chain.count, chain.head]).toEqual([0, null]);
  });

  it("is used again after it was empty", () => {
    const [first, second] = itemsOf(2) as [Item, Item];
    const chain = chainOf([first]);
    chain.shift();
    chain.push(second);
    expect(drain(chain)).toEqual([second, null]);
  });

  it("refuses an item that has another behind it, in whatever chain", () => {
    const [first, second] = itemsOf(2) as [Item, Item];
    const chain = chainOf([first, second]);
    expect(() => new Chain<Item>().push(first)).toThrow(AssertionError);
    expect(() => chain.push(first)).toThrow(AssertionError);
    expect(chain.count).toBe(2);
  });

  it("lets go of what it gives and of what it drops: it may go into another chain", () => {
    const items = itemsOf(3);
    const chain = chainOf(items);
    chain.shift();
    chain.clear();
    expect([chain.count, chain.head, items.map((item) => item.next)]).toEqual([0, null, [null, null, null]]);
    expect(drain(chainOf(items))).toEqual([...items, null]);
  });

  it("takes the items of another behind its own and leaves that one empty", () => {
    const items = itemsOf(4);
    const [chain, other] = [chainOf(items.slice(0, 2)), chainOf(items.slice(2))];
    chain.append(other);
    chain.append(other);
    expect([other.count, other.head, chain.count]).toEqual([0, null, 4]);
    expect(drain(chain)).toEqual([...items, null]);
  });
});
