import { describe, expect, test } from "vitest";
import { XdrReader } from "../../../src/xdr/reader.js";
import { XdrError } from "../../../src/xdr/xdr-error.js";

const parse = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const over = (hex: string): XdrReader => new XdrReader(parse(hex));

function failure(action: () => unknown): XdrError {
  try {
    action();
  } catch (cause) {
    expect(cause).toBeInstanceOf(XdrError);
    return cause as XdrError;
  }
  throw new Error("nothing was thrown");
}

describe("numbers", () => {
  test("are read at both ends of their ranges", () => {
    expect(over("7fffffff").readInt32()).toBe(0x7fff_ffff);
    expect(over("80000000").readInt32()).toBe(-0x8000_0000);
    expect(over("ffffffff").readUint32()).toBe(0xffff_ffff);
    expect(over("7fffffffffffffff").readInt64()).toBe(2n ** 63n - 1n);
    expect(over("8000000000000000").readInt64()).toBe(-(2n ** 63n));
    expect(over("ffffffffffffffff").readUint64()).toBe(2n ** 64n - 1n);
    expect(over("001fffffffffffff").readInt64Number()).toBe(Number.MAX_SAFE_INTEGER);
    expect(over("ffe0000000000001").readInt64Number()).toBe(Number.MIN_SAFE_INTEGER);
    expect(over("001fffffffffffff").readUint64Number()).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("short ones take the low bits and their sign, whatever the others are", () => {
    expect([over("1234ffff").readInt16(), over("1234ffff").readUint16()]).toEqual([-1, 0xffff]);
    expect([over("12345680").readInt8(), over("12345680").readUint8()]).toEqual([-0x80, 0x80]);
  });

  test.each(["0020000000000000", "ffe0000000000000", "8000000000000000", "7fffffffffffffff"])(
    "%s is refused where a number cannot hold it",
    (hex) => {
      const error = failure(() => over(hex).readInt64Number());
      expect(error.message).toContain("value: an integer of at most 53 bits, got a greater one (at byte 8)");
      expect(failure(() => over(hex).readUint64Number()).expected).toBe("an integer of at most 53 bits");
    },
  );

  test("64 bits without sign are no negative number", () => {
    expect(over("0000000080000000").readUint64Number()).toBe(0x8000_0000);
    expect(failure(() => over("ffffffffffffffff").readUint64Number()).offset).toBe(8);
  });

  test("floating point is that of IEEE 754", () => {
    expect(over("3fc00000").readFloat()).toBe(1.5);
    expect(over("80000000").readFloat()).toBe(-0);
    expect(over("7f800000").readFloat()).toBe(Infinity);
    expect(over("7fc00001").readFloat()).toBeNaN();
    expect(over("3ff8000000000000").readDouble()).toBe(1.5);
    expect(over("c0000000").readFloat()).toBe(-2);
    expect(over("c059000000000000").readDouble()).toBe(-100);
  });

  test.each<[string, (reader: XdrReader) => unknown, number]>([
    ["readInt32", (r) => r.readInt32(), 4],
    ["readUint32", (r) => r.readUint32(), 4],
    ["readInt16", (r) => r.readInt16(), 4],
    ["readUint16", (r) => r.readUint16(), 4],
    ["readInt8", (r) => r.readInt8(), 4],
    ["readUint8", (r) => r.readUint8(), 4],
    ["readBool", (r) => r.readBool(), 4],
    ["readFloat", (r) => r.readFloat(), 4],
    ["readInt64", (r) => r.readInt64(), 8],
    ["readUint64", (r) => r.readUint64(), 8],
    ["readInt64Number", (r) => r.readInt64Number(), 8],
    ["readUint64Number", (r) => r.readUint64Number(), 8],
    ["readDouble", (r) => r.readDouble(), 8],
  ])("%s needs all its bytes and takes no more", (_, read, size) => {
    const bytes = new Uint8Array(size + 8);
    for (let short = 0; short < size; short++) {
      const reader = new XdrReader().reset(bytes, 4, 4 + short);
      expect(failure(() => read(reader)).message).toContain(`value: ${size} bytes, got ${short} (at byte 0)`);
      expect([reader.length, reader.remaining]).toEqual([0, short]);
    }
    const reader = new XdrReader(bytes);
    read(reader);
    expect([reader.length, reader.remaining]).toEqual([size, 8]);
  });

  test("C10: an enum takes its own numbers", () => {
    const values = new Set([0, 5, -1]);
    expect([over("00000005").readEnum(values), over("ffffffff").readEnum(values)]).toEqual([5, -1]);
    expect(failure(() => over("00000063").readEnum(values)).message).toContain(
      "value: one of 0, 5, -1, got 99",
    );
  });
});

describe("opaque", () => {
  test("a copy is the caller's, a view is the reader's bytes", () => {
    const bytes = parse("01020304 05ffffff 00000003 0a0b0cff");
    const reader = new XdrReader(bytes);
    const copy = reader.readOpaque(5);
    const variable = reader.readOpaqueVar(3);
    reader.reset(bytes);
    const view = reader.readOpaqueView(5);
    const variableView = reader.readOpaqueVarView(3);
    expect([[...copy], [...variable]]).toEqual([
      [1, 2, 3, 4, 5],
      [10, 11, 12],
    ]);
    expect([[...view], [...variableView]]).toEqual([[...copy], [...variable]]);
    reader.end();
    bytes.fill(9);
    expect([copy[0], variable[0], view[0], variableView[0]]).toEqual([1, 10, 9, 9]);
    expect(copy.buffer).not.toBe(bytes.buffer);
  });

  test("is no Buffer when the bytes are one, and a copy of a long run is a copy", () => {
    const bytes = Buffer.alloc(400, 1);
    const reader = new XdrReader(bytes);
    const copy = reader.readOpaque(200);
    const view = reader.readOpaqueView(200);
    bytes.fill(2);
    expect([copy[199], view[199]]).toEqual([1, 2]);
    expect([Buffer.isBuffer(copy), Buffer.isBuffer(view)]).toEqual([false, false]);
  });

  test("a view lies where its bytes do, in a part of a longer array as well", () => {
    const bytes = new Uint8Array(64).map((_, i) => i);
    const reader = new XdrReader().reset(bytes.subarray(8, 40), 4);
    expect([...reader.readOpaqueView(4)]).toEqual([12, 13, 14, 15]);
    expect([...reader.readOpaque(4)]).toEqual([16, 17, 18, 19]);
  });

  test("its pad must be there, and is not looked at", () => {
    expect([...over("aabbccff").readOpaque(3)]).toEqual([0xaa, 0xbb, 0xcc]);
    expect(failure(() => over("aabbcc").readOpaque(3)).message).toContain("value: 4 bytes, got 3");
    expect(failure(() => over("00000003 aabbcc").readOpaqueVar(3)).message).toContain(
      "value: 4 bytes, got 3",
    );
    expect(failure(() => over("00000003 616263").readString(3)).message).toContain("value: 4 bytes, got 3");
  });

  test("nothing is nothing", () => {
    const reader = over("00000000");
    expect([reader.readOpaque(0).length, reader.readOpaqueVar(0).length, reader.remaining]).toEqual([
      0, 0, 0,
    ]);
  });
});

describe("strings", () => {
  test("are UTF-8, or bytes as characters", () => {
    expect(over("00000003 e282ac00").readString(3)).toBe("€");
    expect(over("00000003 e282ac00").readLatin1(3)).toBe("\u00e2\u0082\u00ac");
    expect(over("00000000").readString(0)).toBe("");
    expect(over("00000000").readLatin1(0)).toBe("");
  });

  test("C10: what is no UTF-8 is refused, and read as Latin-1", () => {
    expect(failure(() => over("00000001 e9000000").readString(9)).message).toContain(
      "value: a string in UTF-8, got other bytes (at byte 4)",
    );
    expect(over("00000001 e9000000").readLatin1(9)).toBe("é");
  });

  test("C10: a zero byte is refused in either", () => {
    for (const read of ["readString", "readLatin1"] as const) {
      const error = failure(() => over("00000003 61006200")[read](9));
      expect(error.message).toContain("value: a string without a zero byte, got one with (at byte 4)");
    }
  });

  test("of more bytes than the bound are refused before they are looked for", () => {
    for (const read of ["readString", "readLatin1"] as const) {
      expect(failure(() => over("0000000b")[read](10)).message).toContain(
        "value: a string of at most 10 bytes, got 11 (at byte 4)",
      );
    }
  });

  test("the error of a string shows none of it", () => {
    const secret = parse("00000006 7365637265ff0000");
    expect(failure(() => new XdrReader(secret).readString(9)).message).not.toContain("secre");
  });
});

describe("C9: a length or count of the wire", () => {
  const HUGE = ["ffffffff", "7fffffff", "80000000", "fffffffc", "00000100"];

  test.each(HUGE)("C9: %s bytes that are not there are refused before memory is taken for them", (length) => {
    const before = process.memoryUsage().arrayBuffers;
    for (const read of ["readOpaqueVar", "readOpaqueVarView", "readString", "readLatin1"] as const) {
      const error = failure(() => over(`${length} 00000000`)[read](0xffff_ffff));
      expect(error.received).toBe("4");
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  test("a length is taken when the bytes and their pad are there", () => {
    expect(over("00000003 01020304").readLength(9)).toBe(3);
    expect(failure(() => over("00000003 010203").readLength(9)).message).toContain("value: 4 bytes, got 3");
    expect(failure(() => over("00000003 01020304").readLength(2)).message).toContain(
      "at most 2 bytes, got 3",
    );
  });

  test("a count is taken when so many elements could be there, and not one more", () => {
    expect(over("00000002 0102030405060708").readCount(9, 4)).toBe(2);
    expect(over("00000001 0102030405060708").readCount(9, 8)).toBe(1);
    expect(over("00000000").readCount(0, 4)).toBe(0);
    expect(failure(() => over("00000003 0102030405060708").readCount(9, 4)).message).toContain(
      "value: 3 elements of 4 bytes or more, got 8 bytes that are left (at byte 4)",
    );
    expect(failure(() => over("ffffffff 0102030405060708").readCount(0xffff_ffff, 4)).expected).toContain(
      "4294967295 elements",
    );
    expect(failure(() => over("00000003 0102030405060708").readCount(2, 4)).message).toContain(
      "value: at most 2 elements, got 3",
    );
  });
});

describe("the range", () => {
  test("reads nothing outside it, and counts from its beginning", () => {
    const reader = new XdrReader().reset(parse("ffffffff 00000001 00000002 ffffffff"), 4, 12);
    expect([reader.readInt32(), reader.length, reader.remaining]).toEqual([1, 4, 4]);
    expect(reader.readInt32()).toBe(2);
    reader.end();
    expect(failure(() => reader.readInt32()).offset).toBe(8);
  });

  test.each([
    [-1, 4],
    [0.5, 4],
    [5, 4],
    [0, 9],
    [0, -1],
    [Number.NaN, 4],
  ])("from %d to %d in 8 bytes is refused", (offset, end) => {
    expect(() => new XdrReader().reset(new Uint8Array(8), offset, end)).toThrow("RX_ERR_OPTION");
  });

  test("take() and skip() pass over bytes, with a pad and without", () => {
    const reader = over("0102030405060708");
    expect([reader.take(3), reader.length]).toEqual([0, 3]);
    expect(reader.bytes[reader.take(1)]).toBe(4);
    reader.skip(1);
    expect(reader.remaining).toBe(0);
    expect(failure(() => reader.skip(1)).message).toContain("4 bytes, got 0");
    expect(failure(() => reader.take(1)).message).toContain("1 bytes, got 0");
  });

  test.each([-1, 1.5, Number.NaN])("a length of %d is a mistake of the caller's", (length) => {
    const reader = new XdrReader(new Uint8Array(16));
    for (const call of ["take", "skip", "readOpaque", "readOpaqueView"] as const) {
      expect(() => reader[call](length)).toThrow("RX_ERR_OPTION: length");
    }
    expect(reader.length).toBe(0);
  });

  test("reset() without arguments holds nothing", () => {
    const reader = over("00000001");
    reader.reset();
    expect([reader.bytes.length, reader.remaining, reader.length]).toEqual([0, 0, 0]);
    reader.end();
  });

  test("a misspelt option is refused", () => {
    expect(() => new XdrReader(new Uint8Array(0), { maxDepth: 3 } as never)).toThrow("options.maxDepth");
    expect(() => new XdrReader(new Uint8Array(0), { depthMax: 0 })).toThrow("depthMax");
    expect(() => new XdrReader(new Uint8Array(0), { depthMax: 257 })).toThrow("depthMax");
  });
});

describe("the place", () => {
  test("names fields and elements from the name that was given", () => {
    const reader = new XdrReader(new Uint8Array(0), { name: "request" });
    expect(reader.path).toBe("request");
    reader.enter();
    reader.at("names");
    reader.enter();
    expect(reader.path).toBe("request.names");
    reader.at(2);
    reader.at(3);
    expect(reader.path).toBe("request.names[3]");
    reader.leave();
    reader.at("size");
    expect(reader.path).toBe("request.size");
    reader.leave();
    expect(reader.path).toBe("request");
  });

  test("is forgotten by reset(), and so is the depth", () => {
    const reader = new XdrReader(new Uint8Array(0), { depthMax: 1 });
    reader.enter();
    reader.at("a");
    reader.descend();
    expect(failure(() => reader.descend()).message).toContain("value.a: at most 1 levels, got more");
    reader.reset();
    reader.descend();
    reader.ascend();
    reader.descend();
    expect(reader.path).toBe("value");
  });
});
