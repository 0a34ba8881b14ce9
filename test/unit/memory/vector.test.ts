import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Arena } from "../../../src/memory/arena.js";
import { ByteBudget } from "../../../src/memory/byte-budget.js";
import { Vector, type VectorItems, type VectorKind } from "../../../src/memory/vector.js";
import { RxOptionError } from "../../../src/util/errors.js";

const ENDED = expect.objectContaining({ name: "RxError", code: "RX_ERR_CALL_ENDED" });
const NO_MEMORY = expect.objectContaining({ name: "RxError", code: "RX_ERR_MEMORY", abortCode: 12 });
const BYTES_MAX = 2 ** 31 - 1;

const KINDS: [string, VectorKind<VectorItems>, number[]][] = [
  ["Uint8Array", Uint8Array, [0, 255, 7]],
  ["Int32Array", Int32Array, [-(2 ** 31), 2 ** 31 - 1, -1]],
  ["Uint32Array", Uint32Array, [2 ** 32 - 1, 2 ** 31, 0]],
  ["Float64Array", Float64Array, [0.5, -(2 ** 60), 2 ** 33]],
];

function arenaOf(maxBytes: number): Arena {
  return new Arena(new ByteBudget(maxBytes));
}

describe("Vector", () => {
  it("is empty at birth and costs nothing, in an arena neither", () => {
    const arena = arenaOf(0);
    for (const vector of [new Vector(Int32Array), new Vector(Int32Array, arena)]) {
      expect([vector.length, vector.capacity]).toEqual([0, 0]);
      expect(vector.view()).toEqual(new Int32Array(0));
      vector.reserve(0);
      expect(vector.capacity).toBe(0);
    }
  });

  describe.each(KINDS)("of %s", (_, kind, values) => {
    it.each(["the heap", "an arena"])("keeps its elements through growth on %s", (where) => {
      const vector = new Vector(kind, where === "the heap" ? null : arenaOf(100_000));
      for (let i = 0; i < 9; i++) vector.push(values[i % 3] as number);
      vector.set(4, values[0] as number);
      const expected = Array.from({ length: 9 }, (_unused, i) => values[i === 4 ? 0 : i % 3]);
      expect([...vector.view()]).toEqual(expected);
      expect(vector.view()).toBeInstanceOf(kind);
      expect(expected.map((_unused, i) => vector.at(i))).toEqual(expected);
      expect([vector.length, vector.capacity]).toEqual([9, 16]);
    });

    it("has room at most for 2^31-1 bytes", () => {
      const vector = new Vector(kind);
      const most = Math.floor(BYTES_MAX / kind.BYTES_PER_ELEMENT);
      expect(() => vector.reserve(most + 1)).toThrow(RxOptionError);
      vector.push(1);
      expect(() => vector.reserve(most)).toThrow(RxOptionError);
      expect([vector.length, vector.capacity]).toEqual([1, 4]);
    });
  });

  it("grows to 4 and then by doubling, no more than it must", () => {
    const vector = new Vector(Float64Array);
    const capacities: number[] = [];
    for (const count of [1, 4, 5, 16, 17, 200]) {
      vector.reserve(count);
      capacities.push(vector.capacity);
    }
    expect(capacities).toEqual([4, 4, 8, 16, 32, 256]);
  });

  it("reserve() makes room for elements beyond those that are there: none of them grows it again", () => {
    const vector = new Vector(Int32Array);
    vector.append([1, 2, 3]);
    vector.reserve(2);
    expect(vector.capacity).toBe(8);
    const view = vector.view();
    vector.append([4, 5, 6, 7, 8]);
    expect(vector.view().buffer).toBe(view.buffer);
    vector.push(9);
    expect(vector.view().buffer).not.toBe(view.buffer);
    expect([...view]).toEqual([1, 2, 3]);
  });

  it("shows writes through its view and the other way round", () => {
    const vector = new Vector(Uint8Array);
    vector.append([1, 2]);
    const view = vector.view();
    view[0] = 9;
    vector.set(1, 8);
    expect([[...view], vector.at(0)]).toEqual([[9, 8], 9]);
  });

  it("converts values as a typed array does", () => {
    const vector = new Vector(Uint8Array);
    vector.push(257);
    vector.append([-1, 3.7]);
    vector.set(0, 514);
    expect([...vector.view()]).toEqual([2, 255, 3]);
  });

  it.each([1, 4, 5])("appends %i elements of itself", (count) => {
    const vector = new Vector(Int32Array);
    for (let i = 0; i < count; i++) vector.push(i + 1);
    const before = [...vector.view()];
    vector.append(vector.view());
    expect([...vector.view()]).toEqual([...before, ...before]);
  });

  it("clear() forgets the elements and keeps the room", () => {
    const vector = new Vector(Int32Array);
    vector.append([1, 2, 3, 4, 5]);
    vector.clear();
    expect([vector.length, vector.capacity, vector.view().length]).toEqual([0, 8, 0]);
    expect(() => vector.at(0)).toThrow(RxOptionError);
    vector.push(6);
    expect([...vector.view()]).toEqual([6]);
  });

  it.each([-1, 3, 4, 0.5, Number.NaN, "0", undefined])(
    "refuses %s as an index of three elements",
    (index) => {
      const vector = new Vector(Int32Array);
      vector.append([1, 2, 3]);
      expect(() => vector.at(index as number)).toThrow(RxOptionError);
      expect(() => vector.at(index as number)).toThrow(RangeError);
      expect(() => vector.set(index as number, 9)).toThrow(RxOptionError);
      const refusal = { option: "index", expected: "an integer of 0 or more, below 3" };
      expect(() => vector.at(index as number)).toThrow(expect.objectContaining(refusal));
      expect([...vector.view()]).toEqual([1, 2, 3]);
    },
  );

  it.each([-1, 0.5, Number.NaN, 2 ** 31, "1", undefined])("refuses to reserve %s", (count) => {
    const vector = new Vector(Uint8Array);
    expect(() => vector.reserve(count as number)).toThrow(RxOptionError);
    expect(() => vector.append({ length: count as number })).toThrow(RxOptionError);
    expect([vector.length, vector.capacity]).toEqual([0, 0]);
    const refusal = { option: "count", expected: `an integer from 0 to ${BYTES_MAX}` };
    expect(() => vector.reserve(count as number)).toThrow(expect.objectContaining(refusal));
  });

  it.each([undefined, null, Array, Uint16Array, BigInt64Array])("refuses %s as its kind", (kind) => {
    const make = (): unknown => new Vector(kind as never);
    expect(make).toThrow(RxOptionError);
    const expected = "Uint8Array, Int32Array, Uint32Array or Float64Array";
    expect(make).toThrow(expect.objectContaining({ option: "kind", expected }));
  });

  it("reports a system without memory and is as before", () => {
    const vector = new Vector(Int32Array);
    vector.append([1, 2, 3, 4]);
    vi.stubGlobal(
      "ArrayBuffer",
      class {
        constructor() {
          throw new RangeError("Array buffer allocation failed");
        }
      },
    );
    const attempt = (): void => vector.push(5);
    try {
      expect(attempt).toThrow(NO_MEMORY);
      expect(attempt).toThrow("32 bytes asked, the system has no memory left");
    } finally {
      vi.unstubAllGlobals();
    }
    expect([[...vector.view()], vector.capacity]).toEqual([[1, 2, 3, 4], 4]);
  });

  it("holds what a plain array holds, on the heap and in an arena", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("push" as const), value: fc.integer() }),
      fc.record({ kind: fc.constant("append" as const), values: fc.array(fc.integer(), { maxLength: 20 }) }),
      fc.record({ kind: fc.constant("set" as const), index: fc.nat(), value: fc.integer() }),
      fc.record({ kind: fc.constant("reserve" as const), count: fc.nat(40) }),
      fc.record({ kind: fc.constant("clear" as const) }),
    );
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 40 }), (isInArena, steps) => {
        const vector = new Vector(Int32Array, isInArena ? arenaOf(Number.POSITIVE_INFINITY) : null);
        let model: number[] = [];
        for (const each of steps) {
          const before = vector.capacity;
          let beyond = 0;
          switch (each.kind) {
            case "push":
              vector.push(each.value);
              model.push(each.value);
              break;
            case "append":
              vector.append(each.values);
              model.push(...each.values);
              break;
            case "set":
              if (model.length === 0) break;
              vector.set(each.index % model.length, each.value);
              model[each.index % model.length] = each.value;
              break;
            case "reserve":
              vector.reserve(each.count);
              beyond = each.count;
              break;
            default:
              vector.clear();
              model = [];
          }
          expect([...vector.view()]).toEqual(model);
          const needed = model.length + beyond;
          let capacity = before;
          if (needed > before) for (capacity = Math.max(4, before); capacity < needed; ) capacity *= 2;
          expect([vector.length, vector.capacity]).toEqual([model.length, capacity]);
        }
      }),
    );
  });
});

describe("Vector in an arena", () => {
  it("takes its memory from there, aligned for its kind, and leaves the old to it", () => {
    const arena = arenaOf(100_000);
    arena.alloc(3);
    const vector = new Vector(Float64Array, arena);
    vector.append([1, 2, 3, 4]);
    const old = vector.view();
    expect([old.byteOffset, arena.bytes]).toEqual([8, 4096]);
    vector.push(5);
    const shared = arena.alloc(8);
    expect(shared.byteOffset).toBe(8 + 4 * 8 + 8 * 8);
    expect(vector.view().buffer).toBe(shared.buffer);
    expect([[...old], [...vector.view()]]).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4, 5],
    ]);
    vector.reserve(1000);
    expect(arena.bytes).toBe(4096 + 1024 * 8);
  });

  it("refuses to grow past the arena's budget and is as before", () => {
    const vector = new Vector(Int32Array, arenaOf(4096));
    vector.append([1, 2, 3, 4]);
    expect(() => vector.append(new Int32Array(2000))).toThrow(NO_MEMORY);
    expect([[...vector.view()], vector.capacity]).toEqual([[1, 2, 3, 4], 4]);
    vector.push(5);
    expect(vector.length).toBe(5);
  });

  it("asks for no more than the most there can be, though doubling would", () => {
    const vector = new Vector(Float64Array, arenaOf(4096));
    const most = Math.floor(BYTES_MAX / 8);
    expect(() => vector.reserve(most)).toThrow(NO_MEMORY);
    expect(() => vector.reserve(most)).toThrow(`${most * 8} bytes asked`);
  });

  it("ends with its arena", () => {
    const arena = arenaOf(100_000);
    const vector = new Vector(Int32Array, arena);
    vector.append([1, 2, 3]);
    arena.clear();
    expect([vector.length, vector.capacity]).toEqual([0, 0]);
    const uses: [string, () => unknown][] = [
      ["at", () => vector.at(0)],
      ["set", () => vector.set(0, 1)],
      ["reserve", () => vector.push(1)],
      ["reserve", () => vector.append([])],
      ["reserve", () => vector.reserve(0)],
      ["view", () => vector.view()],
    ];
    for (const [name, use] of uses) {
      expect(use).toThrow(ENDED);
      expect(use).toThrow(`${name}: the vector went with its call`);
    }
    expect(() => vector.clear()).not.toThrow();
    expect(() => new Vector(Int32Array, arena).push(1)).toThrow(ENDED);
  });
});
