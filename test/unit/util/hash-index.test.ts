import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssertionError } from "../../../src/util/assert.js";
import { HashIndex } from "../../../src/util/hash-index.js";

function slotsOf(index: HashIndex, hash: number): number[] {
  const slots: number[] = [];
  for (let at = index.first(hash); at >= 0; at = index.next(at, hash)) {
    slots.push(index.slotAt(at));
    if (slots.length > index.capacity) throw new Error("the walk does not end");
  }
  return slots.sort((a, b) => a - b);
}

// Hashes that fight for cells: equal low bits with other high bits, neighbours, and homes on both sides of the seam
// between the last cell and the first.
const FIGHTERS = [0, 1, 2, 16, 32, -16, 15, 31, -1, -2, 14, 13, 0x7fff_fff0, -0x8000_0000, -0x7fff_ffff];

type Op = { readonly kind: "insert" | "remove"; readonly hash: number; readonly pick: number };

const op = (hash: fc.Arbitrary<number>): fc.Arbitrary<Op> =>
  fc.record({ kind: fc.constantFrom("insert", "insert", "remove"), hash, pick: fc.nat() });

function checkAgainstMap(capacity: number, ops: readonly Op[], hashes: ReadonlySet<number>): void {
  const index = new HashIndex(capacity);
  const model = new Map<number, number[]>([...hashes].map((hash) => [hash, []]));
  const free = Array.from({ length: capacity }, (_, slot) => slot);
  for (const { kind, hash, pick } of ops) {
    if (kind === "insert" && free.length > 0) {
      const slot = free.splice(pick % free.length, 1)[0] as number;
      index.insert(hash, slot);
      model.set(
        hash,
        [...(model.get(hash) ?? []), slot].sort((a, b) => a - b),
      );
    } else if (kind === "remove") {
      const held = [...model].filter(([, slots]) => slots.length > 0);
      if (held.length === 0) continue;
      const [from, slots] = held[pick % held.length] as [number, number[]];
      const slot = slots.splice(pick % slots.length, 1)[0] as number;
      index.remove(from, slot);
      free.push(slot);
    }
    expect(index.count).toBe(capacity - free.length);
    for (const [each, slots] of model) expect([each, slotsOf(index, each)]).toEqual([each, slots]);
  }
}

describe("HashIndex", () => {
  it("holds what a map of lists holds when hashes fight for the same cells", () => {
    const hash = fc.constantFrom(...FIGHTERS);
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 3, 8),
        fc.array(op(hash), { maxLength: 60, size: "max" }),
        (capacity, ops) => {
          checkAgainstMap(capacity, ops, new Set(FIGHTERS));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("holds what a map of lists holds with any hashes", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(op(fc.integer()), { maxLength: 60, size: "max" }),
        (capacity, ops) => {
          checkAgainstMap(capacity, ops, new Set(ops.map((each) => each.hash)));
        },
      ),
    );
  });

  it.each([1, 2, 3, 7, 64])("takes %i entries and refuses one more", (capacity) => {
    const index = new HashIndex(capacity);
    for (let slot = 0; slot < capacity; slot++) index.insert(slot * 7, slot);
    expect(index.count).toBe(capacity);
    expect(() => index.insert(5, 0)).toThrow(AssertionError);
    expect(index.count).toBe(capacity);
    for (let slot = 0; slot < capacity; slot++) expect(slotsOf(index, slot * 7)).toEqual([slot]);
  });

  it("keeps apart the slots of one hash, and lets them all share it", () => {
    const index = new HashIndex(16);
    for (let slot = 0; slot < 16; slot++) index.insert(-9, slot);
    expect(slotsOf(index, -9)).toHaveLength(16);
    index.remove(-9, 7);
    expect(slotsOf(index, -9)).toEqual([0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15]);
  });

  it("moves an entry back over the seam when the gap opens before it", () => {
    const index = new HashIndex(4);
    for (const [slot, hash] of [7, 7, 7].entries()) index.insert(hash, slot);
    index.insert(0, 3);
    index.remove(7, 0);
    expect(slotsOf(index, 7)).toEqual([1, 2]);
    expect(slotsOf(index, 0)).toEqual([3]);
    // The entry with home 0 is at home again: nothing of the run is left behind it.
    expect(index.first(0)).toBe(1);
    index.remove(7, 1);
    expect(index.first(0)).toBe(0);
  });

  it("finds nothing in an empty index, even after many lives of every cell", () => {
    const index = new HashIndex(4);
    for (let life = 0; life < 100; life++) {
      for (let slot = 0; slot < 4; slot++) index.insert(life + slot * 3, slot);
      for (let slot = 0; slot < 4; slot++) index.remove(life + slot * 3, slot);
    }
    expect(index.count).toBe(0);
    for (let hash = -200; hash < 200; hash++) expect(index.first(hash)).toBe(-1);
  });

  it.each([
    ["another hash", 2, 0],
    ["another slot", 1, 1],
    ["a hash of the same cell", 9, 0],
  ])("refuses to remove %s than was put in, and changes nothing", (_, hash, slot) => {
    const index = new HashIndex(4);
    index.insert(1, 0);
    expect(() => index.remove(hash, slot)).toThrow(AssertionError);
    expect(index.count).toBe(1);
    expect(slotsOf(index, 1)).toEqual([0]);
  });
});
