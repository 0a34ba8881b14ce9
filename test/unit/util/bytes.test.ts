import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyBytes, getInt32, getUint16, joinBytes, putInt32, putUint16 } from "../../../src/util/bytes.js";

const offset = fc.nat({ max: 9 });

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function filled(length: number, first: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (first + i * 7) & 255);
}

describe("reading", () => {
  it("getInt32() and getUint16() agree with a big-endian DataView", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 13, maxLength: 13 }), offset, (bytes, at) => {
        expect(getInt32(bytes, at)).toBe(viewOf(bytes).getInt32(at));
        expect(getUint16(bytes, at)).toBe(viewOf(bytes).getUint16(at));
      }),
    );
  });

  it("gives 32 bits signed and 16 bits unsigned", () => {
    const ones = new Uint8Array(4).fill(0xff);
    expect(getInt32(ones, 0)).toBe(-1);
    expect(getUint16(ones, 0)).toBe(0xffff);
    expect(getInt32(Uint8Array.of(0x80, 0, 0, 0), 0)).toBe(-0x8000_0000);
  });

  it("counts from the start of a view, not of the memory under it", () => {
    const bytes = Uint8Array.of(9, 9, 9, 1, 2, 3, 4).subarray(3);
    expect(getInt32(bytes, 0)).toBe(0x01020304);
    expect(getUint16(bytes, 2)).toBe(0x0304);
  });
});

describe("writing", () => {
  it("putInt32() writes what a big-endian DataView writes, signed or unsigned, and nothing else", () => {
    fc.assert(
      fc.property(fc.double({ min: -0x8000_0000, max: 0xffff_ffff, noNaN: true }), offset, (real, at) => {
        const value = Math.trunc(real);
        const got = filled(13, 1);
        const expected = filled(13, 1);
        putInt32(got, at, value);
        viewOf(expected).setInt32(at, value);
        expect(got).toEqual(expected);
        expect(getInt32(got, at)).toBe(value | 0);
      }),
    );
  });

  it("putUint16() writes the low 16 bits, and nothing else", () => {
    fc.assert(
      fc.property(fc.integer(), offset, (value, at) => {
        const got = filled(13, 1);
        const expected = filled(13, 1);
        putUint16(got, at, value);
        viewOf(expected).setUint16(at, value);
        expect(got).toEqual(expected);
      }),
    );
  });
});

describe("copyBytes()", () => {
  // 48 is the longest run that is copied by a loop; a source of exactly the length is copied whole.
  const length = fc.oneof(fc.constantFrom(0, 1, 47, 48, 49, 50), fc.nat({ max: 2_000 }));

  it("copies the named part and leaves every other byte alone", () => {
    fc.assert(
      fc.property(length, offset, offset, offset, (count, toOffset, fromOffset, behind) => {
        const from = filled(fromOffset + count + behind, 3);
        const to = filled(toOffset + count + 9, 100);
        const expected = [...to];
        for (let i = 0; i < count; i++) expected[toOffset + i] = from[fromOffset + i] as number;
        const before = from.slice();
        copyBytes(to, toOffset, from, fromOffset, count);
        expect([...to]).toEqual(expected);
        expect(from).toEqual(before);
      }),
    );
  });

  it.each([48, 49, 1_444])("copies the whole of an array of %i bytes", (count) => {
    const from = filled(count, 5);
    const to = new Uint8Array(count + 2);
    copyBytes(to, 1, from, 0, count);
    expect(to).toEqual(Uint8Array.of(0, ...from, 0));
  });
});

describe("joinBytes()", () => {
  it("puts all parts behind one another into an array that shares no memory with them", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (parts) => {
        const all = joinBytes(parts);
        expect([...all]).toEqual(parts.flatMap((part) => [...part]));
        for (const part of parts) if (part.length > 0) expect(all.buffer).not.toBe(part.buffer);
      }),
    );
  });
});
