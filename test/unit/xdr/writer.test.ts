import { describe, expect, test } from "vitest";
import { XdrWriter } from "../../../src/xdr/writer.js";
import { encode, int } from "../../../src/xdr/xdr.js";
import { kindOf, XdrError } from "../../../src/xdr/xdr-error.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
function written(write: (writer: XdrWriter) => void): string {
  const writer = new XdrWriter();
  write(writer);
  return hex(writer.view());
}

/** Values that nothing of the kind takes, whatever the compiler was told. */
const STRANGE: readonly unknown[] = [
  undefined,
  null,
  "5",
  true,
  {},
  [],
  Symbol("s"),
  () => 1,
  { valueOf: () => 5 },
  new Date(0),
];
const NO_NUMBERS: readonly unknown[] = [...STRANGE, 5n];
const NO_INTEGERS: readonly unknown[] = [...NO_NUMBERS, 1.5, Number.NaN, Infinity, -Infinity];

describe("numbers", () => {
  test.each<
    [string, (writer: XdrWriter, value: never) => void, readonly [unknown, string][], readonly unknown[]]
  >([
    [
      "writeInt32",
      (w, v) => w.writeInt32(v),
      [
        [-0x8000_0000, "80000000"],
        [0x7fff_ffff, "7fffffff"],
        [-0, "00000000"],
      ],
      [...NO_INTEGERS, 0x8000_0000, -0x8000_0001],
    ],
    [
      "writeUint32",
      (w, v) => w.writeUint32(v),
      [
        [0, "00000000"],
        [0xffff_ffff, "ffffffff"],
      ],
      [...NO_INTEGERS, -1, 0x1_0000_0000],
    ],
    [
      "writeInt16",
      (w, v) => w.writeInt16(v),
      [
        [-0x8000, "ffff8000"],
        [0x7fff, "00007fff"],
      ],
      [...NO_INTEGERS, 0x8000, -0x8001],
    ],
    [
      "writeUint16",
      (w, v) => w.writeUint16(v),
      [
        [0, "00000000"],
        [0xffff, "0000ffff"],
      ],
      [...NO_INTEGERS, -1, 0x1_0000],
    ],
    [
      "writeInt8",
      (w, v) => w.writeInt8(v),
      [
        [-0x80, "ffffff80"],
        [0x7f, "0000007f"],
      ],
      [...NO_INTEGERS, 0x80, -0x81],
    ],
    [
      "writeUint8",
      (w, v) => w.writeUint8(v),
      [
        [0, "00000000"],
        [0xff, "000000ff"],
      ],
      [...NO_INTEGERS, -1, 0x100],
    ],
    [
      "writeInt64",
      (w, v) => w.writeInt64(v),
      [
        [-(2n ** 63n), "8000000000000000"],
        [2n ** 63n - 1n, "7fffffffffffffff"],
        [-1n, "ffffffffffffffff"],
      ],
      [...STRANGE, 5, 2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n],
    ],
    [
      "writeUint64",
      (w, v) => w.writeUint64(v),
      [
        [0n, "0000000000000000"],
        [2n ** 64n - 1n, "ffffffffffffffff"],
      ],
      [...STRANGE, 5, -1n, 2n ** 64n],
    ],
    [
      "writeInt64Number",
      (w, v) => w.writeInt64Number(v),
      [
        [Number.MAX_SAFE_INTEGER, "001fffffffffffff"],
        [Number.MIN_SAFE_INTEGER, "ffe0000000000001"],
        [-1, "ffffffffffffffff"],
        [-0x1_0000_0000, "ffffffff00000000"],
        [-0, "0000000000000000"],
      ],
      [...NO_INTEGERS, 2 ** 53, -(2 ** 53)],
    ],
    [
      "writeUint64Number",
      (w, v) => w.writeUint64Number(v),
      [
        [0, "0000000000000000"],
        [0xffff_ffff, "00000000ffffffff"],
        [Number.MAX_SAFE_INTEGER, "001fffffffffffff"],
      ],
      [...NO_INTEGERS, -1, 2 ** 53],
    ],
    [
      "writeBool",
      (w, v) => w.writeBool(v),
      [
        [true, "00000001"],
        [false, "00000000"],
      ],
      [...STRANGE.filter((value) => value !== true), 0, 1],
    ],
    [
      "writeFloat",
      (w, v) => w.writeFloat(v),
      [
        [1.5, "3fc00000"],
        [0.1, "3dcccccd"],
        [-0, "80000000"],
        [Infinity, "7f800000"],
        [3.402_823_466_385_288_6e38, "7f7fffff"],
      ],
      [...NO_NUMBERS, 1e39, -1e39],
    ],
    [
      "writeDouble",
      (w, v) => w.writeDouble(v),
      [
        [1.5, "3ff8000000000000"],
        [-Infinity, "fff0000000000000"],
      ],
      NO_NUMBERS,
    ],
    ["writeEnum", (w, v) => w.writeEnum(v, new Set([0, 5])), [[5, "00000005"]], [...NO_INTEGERS, 1]],
    [
      "writeOpaque",
      (w, v) => w.writeOpaque(v, 3),
      [[Uint8Array.of(1, 2, 3), "01020300"]],
      [...STRANGE, 3, [1, 2, 3], new Uint8Array(2), new Uint8Array(4), new ArrayBuffer(3)],
    ],
    [
      "writeOpaqueVar",
      (w, v) => w.writeOpaqueVar(v, 3),
      [
        [Uint8Array.of(1, 2, 3), "0000000301020300"],
        [Buffer.of(9), "0000000109000000"],
        [new Uint8Array(0), "00000000"],
      ],
      [...STRANGE, 3, [1, 2, 3], new Uint8Array(4), new ArrayBuffer(3)],
    ],
    [
      "writeString",
      (w, v) => w.writeString(v, 3),
      [
        ["abc", "0000000361626300"],
        ["€", "00000003e282ac00"],
        ["", "00000000"],
      ],
      [...STRANGE.filter((value) => value !== "5"), 5, "abcd", "é€", "a\0", "\ud800", new String("a")],
    ],
    [
      "writeLatin1",
      (w, v) => w.writeLatin1(v, 3),
      [
        ["aé\u00ff", "0000000361e9ff00"],
        ["", "00000000"],
      ],
      [...STRANGE.filter((value) => value !== "5"), 5, "abcd", "€", "a\0"],
    ],
  ])("%s takes what fits and refuses all else, leaving nothing of it", (_, write, good, bad) => {
    for (const [value, bytes] of good) expect(written((w) => write(w, value as never))).toBe(bytes);
    for (const value of bad) {
      const writer = new XdrWriter();
      expect(() => write(writer, value as never), kindOf(value)).toThrow(XdrError);
      expect(writer.length, kindOf(value)).toBe(0);
    }
  });

  test("counts are bounded by the type", () => {
    expect(written((w) => w.writeCount(4, 4))).toBe("00000004");
    expect(() => new XdrWriter().writeCount(5, 4)).toThrow("value: at most 4 elements, got 5");
  });
});

describe("errors", () => {
  test("say where, what was expected and what came, and nothing of texts", () => {
    const writer = new XdrWriter({ name: "request" });
    writer.writeInt32(1);
    writer.enter();
    writer.at("names");
    writer.enter();
    writer.at(3);
    const text = "secret".repeat(50);
    let error: unknown;
    try {
      writer.writeString(text, 256);
    } catch (cause) {
      error = cause;
    }
    expect(error).toMatchObject({
      name: "XdrError",
      path: "request.names[3]",
      expected: "a string of at most 256 bytes",
      received: "300 characters",
      offset: 4,
    });
    expect(String(error)).toContain(
      "request.names[3]: a string of at most 256 bytes, got 300 characters (at byte 4)",
    );
    expect(() => writer.writeInt32("secret" as never)).toThrow("an integer of 32 bits, got a string");
    expect(() => writer.writeString("€".repeat(86), 256)).toThrow("a string of at most 256 bytes, got 258");
  });

  test.each([
    [5, "5"],
    [5n, "5n"],
    [2n ** 64n - 1n, "18446744073709551615n"],
    [2n ** 64n, "a bigint of more than 64 bits"],
    [-(2n ** 64n), "a bigint of more than 64 bits"],
    [true, "true"],
    [undefined, "undefined"],
    [null, "null"],
    ["secret", "a string"],
    [["secret"], "an array"],
    [{ secret: 1 }, "an object"],
    [Symbol("secret"), "a symbol"],
    [() => "secret", "a function"],
  ])("kindOf(%o) is %s", (value, kind) => {
    expect(kindOf(value)).toBe(kind);
  });
});

describe("memory", () => {
  test("grows from what it begins with up to maxBytes, keeping what was written", () => {
    const writer = new XdrWriter({ firstBytes: 4, maxBytes: 5_000 });
    for (let i = 0; i < 1_250; i++) writer.writeInt32(i);
    expect(writer.length).toBe(5_000);
    const view = new DataView(writer.copy().buffer);
    for (let i = 0; i < 1_250; i++) expect(view.getInt32(4 * i)).toBe(i);
    expect(() => writer.writeInt32(0)).toThrow("value: at most 5000 bytes, got 5004 (at byte 5000)");
    expect(writer.length).toBe(5_000);
  });

  test("doubles, so that much is written with few arrays", () => {
    const writer = new XdrWriter();
    const seen = new Set<Uint8Array>();
    for (let i = 0; i < 10_000; i++) {
      writer.writeInt32(i);
      seen.add(writer.bytes);
    }
    expect(seen.size).toBeLessThan(10);
  });

  test("is used again after reset(), pads zeroed anew", () => {
    const writer = new XdrWriter();
    writer.writeOpaque(new Uint8Array(16).fill(0xff), 16);
    const memory = writer.bytes;
    writer.reset();
    writer.writeOpaqueVar(Uint8Array.of(1), 1);
    writer.writeString("ab", 2);
    expect(writer.bytes).toBe(memory);
    expect(hex(writer.view())).toBe("000000010100000000000002" + "61620000");
  });

  test("view() is lent, copy() is given", () => {
    const writer = new XdrWriter();
    writer.writeInt32(1);
    const [view, copy] = [writer.view(), writer.copy()];
    writer.reset().writeInt32(2);
    expect([hex(view), hex(copy)]).toEqual(["00000002", "00000001"]);
    expect(copy.buffer.byteLength).toBe(4);
  });

  test("of encode() is as long as the value, and holds on to no more", () => {
    expect(encode(int, 5).buffer.byteLength).toBe(4);
  });

  test("of the caller's is written within its range alone, and given back by reset()", () => {
    const memory = new Uint8Array(16).fill(0xa5);
    const writer = new XdrWriter({ maxBytes: 64 }).writeInto(memory, 4, 12);
    writer.writeInt64(-1n);
    expect([writer.length, hex(writer.view())]).toEqual([8, "ffffffffffffffff"]);
    expect(() => writer.writeInt32(0)).toThrow("value: at most 8 bytes, got 12 (at byte 8)");
    expect(hex(memory)).toBe("a5a5a5a5ffffffffffffffffa5a5a5a5");
    writer.reset();
    for (let i = 0; i < 16; i++) writer.writeInt32(i);
    expect(hex(memory)).toBe("a5a5a5a5ffffffffffffffffa5a5a5a5");
    expect(() => writer.writeInt32(0)).toThrow("at most 64 bytes, got 68");
  });

  test("a view of Buffer's pool is written where it is", () => {
    const pooled = Buffer.from("0123456789");
    const writer = new XdrWriter().writeInto(pooled, 2, 6);
    writer.writeInt32(0x6162_6364);
    expect(pooled.toString()).toBe("01abcd6789");
    expect(Buffer.from(writer.view()).toString()).toBe("abcd");
  });

  test.each([
    [-1, 4],
    [5, 4],
    [0, 9],
    [0.5, 4],
  ])("a range from %d to %d in 8 bytes is refused", (offset, end) => {
    expect(() => new XdrWriter().writeInto(new Uint8Array(8), offset, end)).toThrow("RX_ERR_OPTION");
  });

  test("truncate() takes back what was written last", () => {
    const writer = new XdrWriter();
    writer.writeInt32(1);
    const before = writer.length;
    writer.enter();
    expect(() => {
      writer.writeInt32(2);
      writer.writeString("ab", 1);
    }).toThrow(XdrError);
    writer.truncate(before);
    writer.writeInt32(3);
    expect([hex(writer.view()), writer.path]).toEqual(["0000000100000003", "value"]);
    expect(() => writer.truncate(9)).toThrow("so much has been written");
    expect(() => writer.truncate(-1)).toThrow("RX_ERR_OPTION");
  });

  test("reserve() gives a run to fill, growing when it must", () => {
    const writer = new XdrWriter({ firstBytes: 4 });
    writer.writeInt32(1);
    const at = writer.reserve(300);
    writer.bytes.fill(7, at, at + 300);
    expect([at, writer.length, writer.view()[303]]).toEqual([4, 304, 7]);
    for (const length of [-1, 1.5, Number.NaN]) expect(() => writer.reserve(length)).toThrow("RX_ERR_OPTION");
  });

  test.each([
    [{ maxBytes: -1 }, "maxBytes"],
    [{ maxBytes: 2 ** 30 + 1 }, "maxBytes"],
    [{ firstBytes: 9, maxBytes: 8 }, "firstBytes"],
    [{ depthMax: 1.5 }, "depthMax"],
    [{ max: 1 } as never, "options.max"],
  ])("options %o are refused", (options, name) => {
    expect(() => new XdrWriter(options)).toThrow(name);
  });
});
