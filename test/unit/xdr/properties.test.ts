// Types made at random, with values of theirs and with bytes that are anybody's.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { XdrReader } from "../../../src/xdr/reader.js";
import { XdrWriter } from "../../../src/xdr/writer.js";
import * as xdr from "../../../src/xdr/xdr.js";
import { XdrError } from "../../../src/xdr/xdr-error.js";
import { type AnyCase, cases, caseWithValue } from "./arbitraries.js";

const seed = 4506;
const RUNS = { seed, numRuns: 400 };

const hex = (bytes: Iterable<number>): string => Buffer.from([...bytes]).toString("hex");

/** Bytes as a peer might send them: small numbers are common. */
const words = fc
  .array(
    fc.oneof(
      { arbitrary: fc.integer({ min: 0, max: 6 }), weight: 6 },
      fc.integer(),
      fc.constantFrom(-1, -2, -0x8000_0000, 0x7fff_ffff, 0x6162_6364, 0x6100_0000),
    ),
    { maxLength: 60 },
  )
  .map((numbers) => {
    const bytes = new Uint8Array(4 * numbers.length);
    const view = new DataView(bytes.buffer);
    numbers.forEach((number, i) => {
      view.setInt32(4 * i, number);
    });
    return bytes;
  });
const input = fc.oneof(words, fc.uint8Array({ maxLength: 80 }));

/** What a type makes of bytes: a value and the bytes it took, or null for an XdrError. */
function attempt(of: AnyCase, bytes: Uint8Array): { value: unknown; length: number } | null {
  const reader = new XdrReader(bytes);
  try {
    return { value: of.type.read(reader), length: reader.length };
  } catch (cause) {
    if (!(cause instanceof XdrError)) throw cause;
    expect(cause.path.startsWith("value"), cause.path).toBe(true);
    expect(cause.offset).toBeLessThanOrEqual(bytes.length);
    return null;
  }
}

describe("any value of any type", () => {
  test("is written as RFC 4506 says, and read as it was", () => {
    fc.assert(
      fc.property(caseWithValue, ([of, value]) => {
        const bytes = xdr.encode(of.type, value);
        expect(hex(bytes), of.name).toBe(hex(of.plain(value)));
        expect(xdr.decode(of.type, bytes), of.name).toEqual(value);
      }),
      RUNS,
    );
  });

  test("takes no less than minBytes and no more than maxBytes", () => {
    fc.assert(
      fc.property(caseWithValue, ([of, value]) => {
        const { length } = xdr.encode(of.type, value);
        expect(length, of.name).toBeGreaterThanOrEqual(of.type.minBytes);
        expect(length, of.name).toBeLessThanOrEqual(of.type.maxBytes);
        expect(length % 4).toBe(0);
      }),
      RUNS,
    );
  });

  test("is refused when its last bytes are missing", () => {
    fc.assert(
      fc.property(caseWithValue, fc.nat(), ([of, value], cut) => {
        const bytes = xdr.encode(of.type, value);
        if (bytes.length === 0) return;
        expect(attempt(of, bytes.subarray(0, cut % bytes.length)), of.name).toBeNull();
      }),
      RUNS,
    );
  });

  test("is refused by decode() when anything follows", () => {
    fc.assert(
      fc.property(caseWithValue, ([of, value]) => {
        const bytes = Uint8Array.from([...of.plain(value), 0]);
        expect(() => xdr.decode(of.type, bytes)).toThrow("the end, got 1 more bytes");
      }),
      { seed, numRuns: 100 },
    );
  });

  test("fits exactly the bytes it takes, and is refused by a writer with one byte less", () => {
    fc.assert(
      fc.property(caseWithValue, ([of, value]) => {
        const expected = of.plain(value);
        const memory = new Uint8Array(expected.length + 14).fill(0xa5);
        const writer = new XdrWriter().writeInto(memory, 7, 7 + expected.length);
        of.type.write(writer, value);
        expect(hex(writer.view())).toBe(hex(expected));
        expect([...memory.subarray(0, 7), ...memory.subarray(7 + expected.length)]).toEqual(
          Array.from({ length: 14 }, () => 0xa5),
        );
        const small = new XdrWriter({ maxBytes: expected.length - 1 });
        expect(() => of.type.write(small, value)).toThrow(`at most ${expected.length - 1} bytes`);
      }),
      { seed, numRuns: 200 },
    );
  });
});

describe("any bytes for any type", () => {
  test("C10: give a value or an XdrError, and the value takes as many bytes as were read", () => {
    let taken = 0;
    fc.assert(
      fc.property(cases, input, (of, bytes) => {
        const read = attempt(of, bytes);
        if (read === null) return;
        taken++;
        const again = xdr.encode(of.type, read.value);
        expect(again.length, of.name).toBe(read.length);
        expect(xdr.decode(of.type, again), of.name).toEqual(read.value);
      }),
      { seed, numRuns: 1_000 },
    );
    // Else nothing was tried.
    expect(taken).toBeGreaterThan(100);
  });

  test("are written back as they were where the type has one form for each value", () => {
    fc.assert(
      fc.property(caseWithValue, ([of, value]) => {
        if (!of.isExact) return;
        const bytes = Uint8Array.from(of.plain(value));
        expect(xdr.encode(of.type, xdr.decode(of.type, bytes))).toEqual(bytes);
      }),
      RUNS,
    );
  });

  test("give the same wherever they lie and whatever lies around them", () => {
    fc.assert(
      fc.property(cases, input, (of, bytes) => {
        const alone = attempt(of, bytes);
        for (const fill of [0, 0xff]) {
          const memory = new Uint8Array(bytes.length + 40).fill(fill);
          memory.set(bytes, 3);
          const reader = new XdrReader().reset(memory, 3, 3 + bytes.length);
          try {
            expect(of.type.read(reader)).toEqual(alone?.value);
            expect(reader.length).toBe(alone?.length);
          } catch (cause) {
            if (!(cause instanceof XdrError)) throw cause;
            expect(alone).toBeNull();
          }
        }
      }),
      RUNS,
    );
  });
});
