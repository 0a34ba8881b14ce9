// Text against what the platform makes of the same bytes.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  getLatin1,
  getUtf8,
  isLatin1,
  putLatin1,
  putUtf8,
  TextKind,
  textKind,
  utf8Length,
} from "../../../src/xdr/text.js";
import { texts } from "./arbitraries.js";

const seed = 3629;
const HIGH_SURROGATE = "\ud83d";
const LOW_SURROGATE = "\ude00";

function utf8(bytes: Uint8Array): string | null {
  return getUtf8(bytes, 0, bytes.length, textKind(bytes, 0, bytes.length));
}

describe("UTF-8", () => {
  test("is written as the platform writes it, and read back", () => {
    fc.assert(
      fc.property(texts(40), fc.nat(9), (text, offset) => {
        const expected = Buffer.from(text);
        expect(utf8Length(text)).toBe(expected.length);
        const bytes = new Uint8Array(offset + expected.length + 3).fill(0xa5);
        putUtf8(bytes, offset, text);
        expect(Buffer.from(bytes.subarray(offset, -3)).equals(expected)).toBe(true);
        expect([...bytes.subarray(-3)]).toEqual([0xa5, 0xa5, 0xa5]);
        const kind = textKind(bytes, offset, expected.length);
        expect(getUtf8(bytes, offset, expected.length, kind)).toBe(text);
      }),
      { seed, numRuns: 500 },
    );
  });

  test.each([
    ["half of a pair at the end", `a${HIGH_SURROGATE}`],
    ["half of a pair before another character", `${HIGH_SURROGATE}a`],
    ["a second half alone", `a${LOW_SURROGATE}b`],
    ["halves the wrong way round", LOW_SURROGATE + HIGH_SURROGATE],
    ["two first halves", HIGH_SURROGATE + HIGH_SURROGATE],
    ["two second halves", LOW_SURROGATE + LOW_SURROGATE],
    ["half of a pair before a character above all halves", `${HIGH_SURROGATE}\uffff`],
  ])("has no bytes for %s", (_, text) => {
    expect(utf8Length(text)).toBe(-1);
  });

  test.each([
    ["a byte of Latin-1", [0x61, 0xe9]],
    ["a sequence cut short", [0xe2, 0x82]],
    ["a character in more bytes than it needs", [0xc1, 0x81]],
    ["half of a surrogate pair", [0xed, 0xa0, 0x80]],
    ["a number beyond the last character", [0xf4, 0x90, 0x80, 0x80]],
    ["a continuation without a beginning", [0x80]],
  ])("is not %s", (_, bytes) => {
    expect(utf8(Uint8Array.from(bytes))).toBeNull();
    expect(utf8(Uint8Array.from([...Buffer.from("longer than the loop"), ...bytes]))).toBeNull();
  });

  test("keeps a byte order mark", () => {
    expect(utf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
  });
});

describe("Latin-1", () => {
  test.each([0, 1, 10, 11, 4_095, 4_096, 4_097, 9_000])("keeps any %i bytes but zero", (length) => {
    const high = Uint8Array.from({ length: length + 2 }, (_, i) => 1 + ((i * 7) % 255));
    const ascii = high.map((byte) => (byte & 0x7f) | 1);
    for (const bytes of [high, ascii]) {
      const text = getLatin1(bytes, 1, length, textKind(bytes, 1, length));
      expect(text).toBe(Buffer.from(bytes.subarray(1, 1 + length)).toString("latin1"));
      expect(isLatin1(text)).toBe(true);
      const copy = new Uint8Array(length + 2);
      putLatin1(copy, 1, text);
      expect(Buffer.compare(copy.subarray(1, 1 + length), bytes.subarray(1, 1 + length))).toBe(0);
      expect([copy[0], copy[length + 1]]).toEqual([0, 0]);
    }
  });

  test("has no character above U+00FF", () => {
    expect([isLatin1("\u00ff"), isLatin1("a\u0100"), isLatin1("")]).toEqual([true, false, true]);
  });
});

describe("textKind()", () => {
  test("looks at its own bytes alone", () => {
    const bytes = Uint8Array.of(0, 0x61, 0x80, 0x62, 0);
    expect([
      textKind(bytes, 1, 1),
      textKind(bytes, 1, 3),
      textKind(bytes, 0, 2),
      textKind(bytes, 3, 2),
      textKind(bytes, 0, 0),
    ]).toEqual([TextKind.Ascii, TextKind.High, TextKind.HasZero, TextKind.HasZero, TextKind.Ascii]);
  });
});
