import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seqDiff } from "../../../src/util/serial.js";

const int32 = fc.integer();

describe("serial arithmetic", () => {
  it("agrees with the same in wide integers (RFC 1982)", () => {
    fc.assert(
      fc.property(int32, int32, (a, b) => {
        const distance = Number(BigInt.asIntN(32, BigInt(a) - BigInt(b)));
        expect(seqDiff(a, b)).toBe(distance);
      }),
    );
  });

  it("orders any two numbers less than half the circle apart, wherever they stand", () => {
    fc.assert(
      fc.property(int32, fc.integer({ min: 1, max: 0x7fff_ffff }), (from, ahead) => {
        const to = (from + ahead) | 0;
        expect(seqDiff(to, from)).toBe(ahead);
      }),
    );
  });

  it("keeps the order of a window of numbers that lies across a seam", () => {
    const seam = fc.constantFrom(0, 0x7fff_ffff, -0x8000_0000, -1);
    const near = fc.integer({ min: -300, max: 300 });
    fc.assert(
      fc.property(seam, near, near, (at, a, b) => {
        expect(Math.sign(seqDiff((at + a) | 0, (at + b) | 0))).toBe(Math.sign(a - b));
        expect(seqDiff((at + a) | 0, (at + b) | 0) + seqDiff((at + b) | 0, (at + a) | 0)).toBe(0);
      }),
    );
  });

  it("is zero between a number and itself", () => {
    for (const seq of [0, 1, -1, 0x7fff_ffff, -0x8000_0000]) expect(seqDiff(seq, seq)).toBe(0);
  });

  it("steps over both seams of a signed number", () => {
    expect(seqDiff(-0x8000_0000, 0x7fff_ffff)).toBe(1);
    expect(seqDiff(0, -1)).toBe(1);
    expect(seqDiff(2, -3)).toBe(5);
  });
});
