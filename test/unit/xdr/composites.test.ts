import { describe, expect, test } from "vitest";
import { XdrReader } from "../../../src/xdr/reader.js";
import type { XdrType } from "../../../src/xdr/type.js";
import { XdrWriter } from "../../../src/xdr/writer.js";
import * as xdr from "../../../src/xdr/xdr.js";
import { XdrError } from "../../../src/xdr/xdr-error.js";
import { treeType } from "./arbitraries.js";

const parse = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const words = (...numbers: number[]): Uint8Array => xdr.encode(xdr.array(xdr.int, numbers.length), numbers);

/** Counts how often it is read: what is refused in time is not read at all. */
function spy(): XdrType<number> & { reads: number } {
  return {
    reads: 0,
    minBytes: 4,
    maxBytes: 4,
    read(reader) {
      this.reads++;
      return reader.readInt32();
    },
    write: (writer, value) => writer.writeInt32(value),
  };
}

describe("the place of what does not fit", () => {
  const request = xdr.struct({
    names: xdr.list(xdr.string(256), 4),
    chain: xdr.linked(xdr.struct({ v: xdr.short }), 4),
    pair: xdr.array(xdr.uint, 2),
    choice: xdr.union(xdr.int, { 1: xdr.bool, 2: xdr.void }),
    more: xdr.optional(xdr.struct({ id: xdr.opaque(4) })),
  });
  const good = {
    names: ["a"],
    chain: [{ v: 1 }],
    pair: [1, 2],
    choice: { kind: 1, value: true },
    more: { id: new Uint8Array(4) },
  } as const;

  test.each<[object, string]>([
    [{ names: ["", "", "", "x".repeat(300)] }, "request.names[3]: a string of at most 256 bytes, got 300"],
    [{ names: ["", "", "", "", ""] }, "request.names: at most 4 elements, got 5"],
    [{ names: "abc" }, "request.names: an array of at most 4, got a string"],
    [{ chain: [{ v: 1 }, { v: 40_000 }] }, "request.chain[1].v: an integer of 16 bits, got 40000"],
    [{ chain: [{}, {}, {}, {}, {}] }, "request.chain: at most 4 elements, got 5"],
    [{ chain: [null] }, "request.chain[0]: an object, got null"],
    [{ chain: {} }, "request.chain: an array of at most 4, got an object"],
    [{ pair: [1] }, "request.pair: 2 elements, got 1"],
    [{ pair: [1, -1] }, "request.pair[1]: an unsigned integer of 32 bits, got -1"],
    [{ pair: new Uint8Array(2) }, "request.pair: an array of 2, got an object"],
    [{ choice: { kind: 3 } }, "request.choice.kind: one of 1, 2, got 3"],
    [{ choice: { kind: "default", discriminant: 3 } }, "request.choice.kind: one of 1, 2, got a string"],
    [{ choice: { kind: 1, value: 1 } }, "request.choice.value: a boolean, got 1"],
    [{ choice: { kind: 2, value: 1 } }, "request.choice.value: no value, got one"],
    [{ choice: 1 }, "request.choice: an object, got 1"],
    [{ choice: null }, "request.choice: an object, got null"],
    [{ more: { id: new Uint8Array(3) } }, "request.more.id: 4 bytes, got 3"],
    [{ more: null }, "request.more: an object, got null"],
    [{ names: undefined }, "request.names: an array of at most 4, got undefined"],
  ])("%o", (change, message) => {
    expect(() => xdr.encode(request, { ...good, ...change } as never, "request")).toThrow(XdrError);
    expect(() => xdr.encode(request, { ...good, ...change } as never, "request")).toThrow(message);
  });

  test.each<[string, string]>([
    ["00000005", "reply.names: at most 4 elements, got 5 (at byte 4)"],
    ["00000002 00000000 00000001 61", "reply.names[1]: 4 bytes, got 1 (at byte 12)"],
    ["00000002 00000000", "reply.names: 2 elements of 4 bytes or more, got 4 bytes that are left"],
    ["00000000 00000001", "reply.chain[0].v: 4 bytes, got 0 (at byte 8)"],
    [`00000000 ${"00000001 00000000".repeat(4)} 00000001`, "reply.chain[4]: at most 4 elements, got more"],
    ["00000000 00000000 00000001", "reply.pair: 2 elements of 4 bytes or more, got 4 bytes"],
    ["00000000 00000000 00000001 00000001 00000003", "reply.choice.kind: one of 1, 2, got 3 (at byte 20)"],
    ["00000000 00000000 00000001 00000001 00000001", "reply.choice.value: 4 bytes, got 0"],
    ["00000000 00000000 00000001 00000001 00000002 00000001", "reply.more.id: 4 bytes, got 0"],
  ])("reading %s", (bytes, message) => {
    expect(() => xdr.decode(request, parse(bytes), "reply")).toThrow(message);
  });

  test("is right again after what came before it", () => {
    const bytes = xdr.encode(request, good as never);
    const reader = new XdrReader(bytes);
    request.read(reader);
    expect(reader.path).toBe("value");
    const writer = new XdrWriter();
    request.write(writer, good as never);
    expect(writer.path).toBe("value");
  });
});

describe("C9: counts", () => {
  test.each(["ffffffff", "40000000", "00000003"])(
    "C9: %s elements that cannot be there are refused before one is read",
    (count) => {
      const element = spy();
      const bytes = parse(`${count} 00000001 00000002`);
      expect(() => xdr.decode(xdr.list(element, 0xffff_ffff), bytes)).toThrow("elements of 4 bytes or more");
      expect(element.reads).toBe(0);
    },
  );

  test("C9: an array of fixed length is not begun when it cannot be there", () => {
    const element = spy();
    expect(() => xdr.decode(xdr.array(element, 1_000_000), new Uint8Array(400))).toThrow(
      "1000000 elements of 4 bytes or more, got 400 bytes that are left",
    );
    expect(element.reads).toBe(0);
  });

  test("the least size of an element counts its parts", () => {
    const element = xdr.struct({ a: xdr.hyper, b: xdr.optional(xdr.int), c: xdr.opaque(5) });
    expect(element.minBytes).toBe(20);
    expect(() => xdr.decode(xdr.list(element, 9), parse(`00000002 ${"00".repeat(39)}`))).toThrow(
      "2 elements of 20 bytes or more, got 39 bytes that are left",
    );
  });

  test("elements that take no bytes are refused when the type is made", () => {
    for (const element of [xdr.void, xdr.opaque(0), xdr.struct({}), xdr.array(xdr.int, 0)]) {
      expect(() => xdr.list(element as XdrType<unknown>, 9)).toThrow("a type of at least 4 bytes");
      expect(() => xdr.array(element as XdrType<unknown>, 9)).toThrow("a type of at least 4 bytes");
    }
    expect(hex(xdr.encode(xdr.linked(xdr.void, 2), [undefined, undefined]))).toBe("000000010000000100000000");
  });

  test.each([-1, 1.5, 2 ** 32, Number.NaN, "4"])(
    "a bound of %o is refused when the type is made",
    (bound) => {
      for (const make of [
        "opaque",
        "opaqueVar",
        "opaqueView",
        "opaqueVarView",
        "string",
        "latin1",
      ] as const) {
        expect(() => xdr[make](bound as number), make).toThrow("RX_ERR_OPTION");
      }
      for (const make of ["array", "list", "linked"] as const) {
        expect(() => xdr[make](xdr.int, bound as number), make).toThrow("RX_ERR_OPTION");
      }
    },
  );

  test("a bound of 0 allows nothing, and 2^32 - 1 everything", () => {
    expect(xdr.decode(xdr.list(xdr.int, 0), words(0))).toEqual([]);
    expect(xdr.decode(xdr.linked(xdr.int, 0), words(0))).toEqual([]);
    expect(xdr.decode(xdr.array(xdr.int, 0), words())).toEqual([]);
    expect(xdr.decode(xdr.list(xdr.int, 0xffff_ffff), words(1, 7))).toEqual([7]);
  });
});

describe("struct", () => {
  test("C10: what is read has exactly its own fields, and names of Object's are ordinary ones", () => {
    const type = xdr.struct({
      constructor: xdr.int,
      toString: xdr.optional(xdr.int),
      hasOwnProperty: xdr.bool,
    });
    const value = xdr.decode(type, words(5, 0, 1)) as object;
    expect(Object.entries(value)).toEqual([
      ["constructor", 5],
      ["toString", undefined],
      ["hasOwnProperty", true],
    ]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(() => xdr.encode(type, {} as never)).toThrow(
      "value.constructor: an integer of 32 bits, got a function",
    );
  });

  test.each(["__proto__", "0", "12"])("a field %s is refused", (name) => {
    const fields = Object.fromEntries([[name, xdr.int]]);
    expect(() => xdr.struct(fields)).toThrow(name);
  });

  test("keeps the order of its fields, and looks at no other property", () => {
    const type = xdr.struct({ b: xdr.int, a: xdr.int });
    const value = Object.defineProperty({ a: 1, b: 2 }, "c", {
      get: () => {
        throw new Error("looked at");
      },
      enumerable: true,
    });
    expect(xdr.encode(type, value)).toEqual(words(2, 1));
  });

  test("without fields is nothing", () => {
    expect(xdr.encode(xdr.struct({}), {})).toEqual(words());
    expect(xdr.decode(xdr.struct({}), words())).toEqual({});
  });
});

describe("enumeration", () => {
  test("takes its members alone", () => {
    const type = xdr.enumeration({ A: 0, B: -5 });
    expect(xdr.encode(type, -5)).toEqual(words(-5));
    expect(xdr.decode(type, words(0))).toBe(0);
    expect(() => xdr.decode(type, words(1))).toThrow("one of 0, -5, got 1");
    expect(() => xdr.encode(type, 1 as never)).toThrow("one of 0, -5, got 1");
  });

  test.each([{}, { A: 0.5 }, { A: 2 ** 31 }, { A: "1" }, { A: 1n }])("of %o is refused", (members) => {
    expect(() => xdr.enumeration(members as never)).toThrow("RX_ERR_OPTION: members");
  });
});

describe("union", () => {
  const type = xdr.union(xdr.int, { 1: xdr.int, [-2]: xdr.void }, xdr.string(8));

  test("C10: a discriminant that no arm has goes to the default, and is refused without one", () => {
    expect(xdr.decode(type, words(7, 0))).toEqual({ kind: "default", discriminant: 7, value: "" });
    expect(() => xdr.decode(xdr.union(xdr.int, { 1: xdr.int }), words(7, 0))).toThrow(
      "value.kind: one of 1, got 7",
    );
  });

  test("the default is no other way to write an arm's value", () => {
    const value = { kind: "default", discriminant: 1, value: "x" } as const;
    expect(() => xdr.encode(type, value)).toThrow("value.discriminant: a value that no arm has, got 1");
    expect(() => xdr.encode(type, { ...value, discriminant: 1.5 })).toThrow("value.discriminant: an integer");
    expect(() => xdr.encode(type, { kind: 7, value: 1 } as never)).toThrow('one of 1, -2, "default", got 7');
  });

  test("numbers from the whole range of the discriminant may be arms", () => {
    const wide = xdr.union(xdr.uint, { 4294967295: xdr.int, 0: xdr.void });
    expect(xdr.decode(wide, words(-1, 3))).toEqual({ kind: 0xffff_ffff, value: 3 });
    expect(hex(xdr.encode(wide, { kind: 0 }))).toBe("00000000");
  });

  test.each([
    "1.5",
    "4294967296",
    "-2147483649",
    "x",
    "",
    "01",
    "1e3",
    " 1",
    "-0",
    "Infinity",
    "NaN",
    "__proto__",
  ])("an arm %o is refused", (key) => {
    expect(() => xdr.union(xdr.int, Object.fromEntries([[key, xdr.int]]) as never)).toThrow(
      "RX_ERR_OPTION: arms",
    );
  });

  test("without arms is refused", () => {
    expect(() => xdr.union(xdr.int, {})).toThrow("at least one arm");
  });

  test("is as small as its smallest arm and as large as its largest", () => {
    expect([type.minBytes, type.maxBytes]).toEqual([4, 4 + 4 + 8]);
    const small = xdr.union(xdr.int, { 1: xdr.hyper, 2: xdr.opaque(12) });
    expect([small.minBytes, small.maxBytes]).toEqual([12, 16]);
  });
});

describe("types that hold themselves", () => {
  interface Node {
    readonly next?: Node | undefined;
  }
  const node: XdrType<Node> = xdr.struct({ next: xdr.optional(xdr.lazy(() => node)) });
  const nested = (levels: number): Uint8Array => words(...Array.from({ length: levels }, () => 1), 0);
  const nodes = (levels: number): Node => (levels === 0 ? {} : { next: nodes(levels - 1) });

  test("C10: go as deep as 32 levels, to be read and to be written, and no deeper", () => {
    expect(xdr.encode(node, nodes(32))).toEqual(nested(32));
    expect(xdr.encode(node, xdr.decode(node, nested(32)))).toEqual(nested(32));
    for (const levels of [33, 10_000]) {
      expect(() => xdr.decode(node, nested(levels))).toThrow(/(\.next){33}: at most 32 levels, got more/);
    }
    expect(() => xdr.encode(node, nodes(33))).toThrow("at most 32 levels");
  });

  test("a value that holds itself is refused, not followed for ever", () => {
    const value: { next?: Node } = {};
    value.next = value;
    expect(() => xdr.encode(node, value)).toThrow("at most 32 levels");
  });

  test("C10: 10 000 optionals within one another are refused", () => {
    type Deep = XdrType<unknown>;
    const deep: Deep = xdr.optional(xdr.lazy(() => deep as XdrType<NonNullable<unknown>>));
    expect(() => xdr.decode(deep, nested(10_000))).toThrow("at most 32 levels");
  });

  test("levels side by side do not add up", () => {
    const leaf = { value: 1, children: [] };
    const wide = { value: 0, children: [leaf, leaf, leaf, leaf, leaf] };
    let tree = wide;
    for (let i = 0; i < 20; i++) tree = { value: i, children: [leaf, tree as never, leaf] };
    expect(xdr.decode(treeType, xdr.encode(treeType, tree))).toEqual(tree);
  });

  test("depthMax of the reader and of the writer is theirs", () => {
    const reader = new XdrReader(nested(3), { depthMax: 2 });
    expect(() => node.read(reader)).toThrow("at most 2 levels");
    const writer = new XdrWriter({ depthMax: 100 });
    node.write(writer, nodes(100));
    expect(node.read(new XdrReader(writer.view(), { depthMax: 100 }))).toEqual(nodes(100));
  });

  test("a chain of any length is read as a list without recursion", () => {
    const chain = xdr.linked(xdr.int, 200_000);
    const values = Array.from({ length: 100_000 }, (_, i) => i);
    const bytes = xdr.encode(chain, values);
    expect(bytes.length).toBe(800_004);
    expect(xdr.decode(chain, bytes).length).toBe(100_000);
  });

  test("are resolved once, at the first use, and may not be nothing", () => {
    let calls = 0;
    const later = xdr.lazy(() => {
      calls++;
      return xdr.int;
    });
    expect([calls, later.minBytes, later.maxBytes]).toEqual([0, 4, Infinity]);
    expect(xdr.decode(later, xdr.encode(later, 5))).toBe(5);
    expect(calls).toBe(1);
    expect(() =>
      xdr.encode(
        xdr.lazy(() => xdr.void),
        undefined,
      ),
    ).toThrow("a type of at least 4 bytes");
    expect(() =>
      xdr.decode(
        xdr.list(
          xdr.lazy(() => xdr.struct({})),
          9,
        ),
        words(1, 0),
      ),
    ).toThrow("at least 4 bytes");
  });
});

describe("maxBytes", () => {
  test("is the sum of the bounds, and without end for what holds itself", () => {
    const type = xdr.struct({
      name: xdr.string(5),
      list: xdr.list(xdr.hyper, 3),
      chain: xdr.linked(xdr.int, 2),
      maybe: xdr.optional(xdr.opaque(1)),
    });
    expect(type.maxBytes).toBe(12 + 28 + 20 + 8);
    expect(type.minBytes).toBe(16);
    expect(treeType.maxBytes).toBe(Infinity);
    expect(xdr.list(treeType, 0).maxBytes).toBe(4);
    expect(xdr.array(treeType, 0).maxBytes).toBe(0);
    expect(xdr.linked(treeType, 0).maxBytes).toBe(4);
  });
});
