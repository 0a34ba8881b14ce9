// The bytes of rxgen 1.8.9's C stubs, made with its own client and server in one process, and what that server takes and refuses.
import { describe, expect, test } from "vitest";
import { XdrReader } from "../../../src/xdr/reader.js";
import type { XdrType } from "../../../src/xdr/type.js";
import * as xdr from "../../../src/xdr/xdr.js";
import { XdrError } from "../../../src/xdr/xdr-error.js";

const Colour = { RED: 0, GREEN: 5, BLUE: 6 } as const;
const scal = xdr.struct({
  i: xdr.int, u: xdr.uint, s: xdr.short, us: xdr.ushort, c: xdr.char, uc: xdr.uchar, b: xdr.bool,
  l: xdr.int, ul: xdr.uint, q: xdr.hyper, uq: xdr.uhyper, e: xdr.enumeration(Colour),
}); // biome-ignore format: as it stands in the interface file
const fixed = xdr.struct({ c3: xdr.array(xdr.char, 3), o5: xdr.opaque(5), s2: xdr.array(xdr.short, 2) });
const point = xdr.struct({ x: xdr.int, y: xdr.int });
const points = xdr.list(point, 4);
const blob = xdr.opaqueVar(8);
const label = xdr.string(6);
const nums = xdr.list(xdr.int, 1_000);
const val = xdr.union(
  xdr.int,
  { 1: xdr.int, 2: xdr.string(16), 3: xdr.opaqueVar(1_000), 4: xdr.optional(point) },
  xdr.void,
);
const chain = xdr.linked(xdr.struct({ v: xdr.int }), 100);
const uuid = xdr.struct({
  timeLow: xdr.uint,
  timeMid: xdr.ushort,
  timeHiAndVersion: xdr.ushort,
  clockSeqHiAndReserved: xdr.char,
  clockSeqLow: xdr.char,
  node: xdr.array(xdr.char, 6),
});
const who = xdr.struct({ id: uuid, tail: xdr.short });

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const parse = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));

interface Vector<T> {
  readonly name: string;
  readonly type: XdrType<T>;
  readonly value: T;
  readonly hex: string;
}

function vector<T>(name: string, type: XdrType<T>, value: T, hex: string): Vector<unknown> {
  return { name, type, value, hex };
}

/** A call: the opcode, then the parameters as if they were fields. */
function call<const F extends Readonly<Record<string, XdrType<unknown>>>>(fields: F) {
  return xdr.struct({ opcode: xdr.uint, ...fields });
}

const A_SCAL = {
  i: -2, u: 4_000_000_000, s: -3, us: 65_535, c: -0x80, uc: 200, b: true, l: -70_000, ul: 3_000_000_000,
  q: -5_000_000_000n, uq: 0xfedc_ba98_7654_3210n, e: Colour.GREEN,
}; // biome-ignore format: as it stands in the interface file
const B_SCAL = { ...A_SCAL, i: -1, c: 0x7f, uc: 0xff, b: false, e: Colour.BLUE };
const UUID = {
  timeLow: 0x0102_0304,
  timeMid: 0x8899,
  timeHiAndVersion: 0xaabb,
  clockSeqHiAndReserved: 0xcc - 256,
  clockSeqLow: 0x0d,
  node: [0x00, 0x11, 0x7f, 0x80 - 256, 0xfe - 256, -1],
};

const VECTORS: readonly Vector<unknown>[] = [
  vector(
    "V1 call",
    call({ a: scal }),
    { opcode: 1, a: A_SCAL },
    "00000001 fffffffe ee6b2800 fffffffd 0000ffff ffffff80 000000c8 00000001 fffeee90 b2d05e00 fffffffe d5fa0e00 fedcba98 76543210 00000005",
  ),
  vector(
    "V1 reply",
    scal,
    B_SCAL,
    "ffffffff ee6b2800 fffffffd 0000ffff 0000007f 000000ff 00000000 fffeee90 b2d05e00 fffffffe d5fa0e00 fedcba98 76543210 00000006",
  ),
  vector(
    "V2 call",
    call({ s: xdr.string(10), t: label }),
    { opcode: 2, s: "AFS", t: "volume" },
    "00000002 00000003 41465300 00000006 766f6c75 6d650000",
  ),
  vector(
    "V2 reply",
    xdr.struct({ r: xdr.string(1_000), q: label }),
    { r: "abcde", q: "" },
    "00000005 61626364 65000000 00000000",
  ),
  vector(
    "V3 call",
    call({ f: fixed }),
    { opcode: 3, f: { c3: [0x61, 0x62, -1], o5: bytes(1, 2, 3, 4, 5), s2: [-1, 2] } },
    "00000003 00000061 00000062 ffffffff 01020304 05000000 ffffffff 00000002",
  ),
  vector(
    "V3 reply",
    fixed,
    { c3: [0x5a, 0x62, -1], o5: bytes(1, 2, 3, 4, 5), s2: [-1, 2] },
    "0000005a 00000062 ffffffff 01020304 05000000 ffffffff 00000002",
  ),
  vector(
    "V4 call",
    call({ p: points, b: blob, p2: points }),
    {
      opcode: 4,
      p: [
        { x: 1, y: 2 },
        { x: 3, y: 4 },
      ],
      b: bytes(0xaa, 0xbb, 0xcc),
      p2: [{ x: 9, y: 10 }],
    },
    "00000004 00000002 00000001 00000002 00000003 00000004 00000003 aabbcc00 00000001 00000009 0000000a",
  ),
  vector(
    "V4 reply",
    xdr.struct({ n: nums, p2: points }),
    { n: [1, -2, 3], p2: [{ x: 10, y: 10 }] },
    "00000003 00000001 fffffffe 00000003 00000001 0000000a 0000000a",
  ),
  vector(
    "V5 number",
    call({ a: val }),
    { opcode: 5, a: { kind: 1, value: 42 } },
    "00000005 00000001 0000002a",
  ),
  vector(
    "V5 text",
    call({ a: val }),
    { opcode: 5, a: { kind: 2, value: "xyz" } },
    "00000005 00000002 00000003 78797a00",
  ),
  vector(
    "V5 no bytes",
    call({ a: val }),
    { opcode: 5, a: { kind: 3, value: bytes() } },
    "00000005 00000003 00000000",
  ),
  vector(
    "V5 absent",
    call({ a: val }),
    { opcode: 5, a: { kind: 4, value: undefined } },
    "00000005 00000004 00000000",
  ),
  vector("V5 reply text", val, { kind: 2, value: "hello" }, "00000002 00000005 68656c6c 6f000000"),
  vector("V5 reply bytes", val, { kind: 3, value: bytes(1, 2, 3) }, "00000003 00000003 01020300"),
  vector("V5 reply present", val, { kind: 4, value: { x: 7, y: 8 } }, "00000004 00000001 00000007 00000008"),
  vector("V5 reply default", val, { kind: "default", discriminant: 9 }, "00000009"),
  vector(
    "V6 call",
    call({ a: chain }),
    { opcode: 6, a: [{ v: 11 }, { v: 22 }] },
    "00000006 00000001 0000000b 00000001 00000016 00000000",
  ),
  vector("V6 reply", chain, [], "00000000"),
  vector(
    "V7 call",
    call({ a: xdr.int, b: xdr.int, d: xdr.hyperNumber, e: xdr.int }),
    { opcode: 7, a: 5, b: 6, d: -1, e: 7 },
    "00000007 00000005 00000006 ffffffff ffffffff 00000007",
  ),
  vector(
    "V7 reply",
    xdr.struct({ a: xdr.int, c: xdr.int, d: xdr.hyper }),
    { a: -5, c: 18, d: 0n },
    "fffffffb 00000012 00000000 00000000",
  ),
  vector(
    "V8 call",
    call({ w: who }),
    { opcode: 8, w: { id: UUID, tail: -2 } },
    "00000008 01020304 00008899 0000aabb ffffffcc 0000000d 00000000 00000011 0000007f ffffff80 fffffffe ffffffff fffffffe",
  ),
  vector(
    "V8 reply",
    uuid,
    UUID,
    "01020304 00008899 0000aabb ffffffcc 0000000d 00000000 00000011 0000007f ffffff80 fffffffe ffffffff",
  ),
  vector(
    "V10 call",
    call({ b: blob }),
    { opcode: 10, b: bytes(1, 2, 3, 4, 5) },
    "0000000a 00000005 01020304 05000000",
  ),
  vector("V10 reply", nums, [10, 20], "00000002 0000000a 00000014"),
  vector("V11 call", call({}), { opcode: 11 }, "0000000b"),
];

describe("rxgen's bytes", () => {
  test.each(VECTORS)("$name is written and read the same", ({ type, value, hex }) => {
    expect(Buffer.from(xdr.encode(type, value)).toString("hex")).toBe(hex.replaceAll(" ", ""));
    expect(xdr.decode(type, parse(hex))).toEqual(value);
  });

  test("V9: what follows raw bytes begins where they end, aligned or not", () => {
    const reply = parse("5245504c59 0000002a 00000006");
    const reader = new XdrReader(reply);
    const at = reader.take(5);
    expect(Buffer.from(reader.bytes.subarray(at, at + 5)).toString()).toBe("REPLY");
    expect([reader.readInt32(), reader.readUint32(), reader.remaining]).toEqual([42, 6, 0]);
  });
});

const REQUESTS = {
  2: call({ s: xdr.string(10), t: label }),
  3: call({ f: fixed }),
  4: call({ p: points, b: blob, p2: points }),
};

describe("what rxgen's server refuses", () => {
  test.each<[string, XdrType<unknown>, string, string]>([
    [
      "an end that comes early",
      REQUESTS[3],
      "00000003 00000061",
      "f.c3: 3 elements of 4 bytes or more, got 4",
    ],
    [
      "a string of 11 for 10",
      REQUESTS[2],
      "00000002 0000000b 61616161",
      "s: a string of at most 10 bytes, got 11",
    ],
    ["a count of 5 for 4", REQUESTS[4], "00000004 00000005", "p: at most 4 elements, got 5"],
    [
      "a zero byte in a string",
      REQUESTS[2],
      "00000002 00000003 41005300 00000001 78000000",
      "s: a string without a zero byte",
    ],
  ])("%s is an XdrError", (_, type, hex, message) => {
    expect(() => xdr.decode(type, parse(hex), "in")).toThrow(XdrError);
    expect(() => xdr.decode(type, parse(hex), "in")).toThrow(`in.${message}`);
  });
});

describe("what rxgen's server takes though it is odd", () => {
  test.each<[string, XdrType<unknown>, string, unknown]>([
    [
      "a pad that is not zero",
      REQUESTS[2],
      "00000002 00000003 414653ff 00000001 78112233",
      { opcode: 2, s: "AFS", t: "x" },
    ],
    [
      "a word of 7 before what is present",
      val,
      "00000004 00000007 00000001 00000002",
      { kind: 4, value: { x: 1, y: 2 } },
    ],
    ["a link of 7", chain, "00000007 0000000b 00000000", [{ v: 11 }]],
    ["a bool of 2", xdr.bool, "00000002", true],
    ["an enum that has no such number, read as a number", xdr.int, "00000063", 0x63],
    [
      "more bits than a char and a short have",
      fixed,
      "12345678 00000000 00000000 0102030405000000 00018000 00007fff",
      { c3: [0x78, 0, 0], o5: bytes(1, 2, 3, 4, 5), s2: [-32_768, 32_767] },
    ],
  ])("C10: %s", (_, type, hex, value) => {
    expect(xdr.decode(type, parse(hex))).toEqual(value);
  });

  test("bytes left over, unless the reader asks for the end", () => {
    const reader = new XdrReader(parse("0000000b deadbeef"));
    expect(call({}).read(reader)).toEqual({ opcode: 11 });
    expect(() => reader.end()).toThrow("value: the end, got 4 more bytes (at byte 4)");
  });
});
