import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seqAfter, seqAtOrAfter, seqBefore, seqDiff } from "../../../src/util/serial.js";

const int32 = fc.integer();

describe("serial arithmetic", () => {
  it("agrees with the same in wide integers (RFC 1982)", () => {
    fc.assert(
      fc.property(int32, int32, (a, b) => {
        const distance = Number(BigInt.asIntN(32, BigInt(a) - BigInt(b)));
        expect(seqDiff(a, b)).toBe(distance);
        expect(seqAfter(a, b)).toBe(distance > 0);
        expect(seqBefore(a, b)).toBe(distance < 0);
        expect(seqAtOrAfter(a, b)).toBe(distance >= 0);
      }),
    );
  });

  it("orders any two numbers less than half the circle apart, wherever they stand", () => {
    fc.assert(
      fc.property(int32, fc.integer({ min: 1, max: 0x7fff_ffff }), (from, ahead) => {
        const to = (from + ahead) | 0;
        expect(seqDiff(to, from)).toBe(ahead);
        expect(seqAfter(to, from)).toBe(true);
        expect(seqBefore(from, to)).toBe(true);
        expect(seqAtOrAfter(to, from)).toBe(true);
        expect(seqAtOrAfter(from, to)).toBe(false);
        expect(seqAfter(from, to)).toBe(false);
        expect(seqBefore(to, from)).toBe(false);
      }),
    );
  });

  it("takes a number as neither before nor after itself", () => {
    for (const seq of [0, 1, -1, 0x7fff_ffff, -0x8000_0000]) {
      expect([seqDiff(seq, seq), seqAfter(seq, seq), seqBefore(seq, seq), seqAtOrAfter(seq, seq)]).toEqual([
        0,
        false,
        false,
        true,
      ]);
    }
  });

  it("steps over both seams of a signed number", () => {
    expect(seqAfter(-0x8000_0000, 0x7fff_ffff)).toBe(true);
    expect(seqAfter(0, -1)).toBe(true);
    expect(seqBefore(0x7fff_ffff, -0x8000_0000)).toBe(true);
    expect(seqDiff(2, -3)).toBe(5);
  });
});
