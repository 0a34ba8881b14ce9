// How rarely strangers are refused, and the ring that replies wait in.
import { describe, expect, test } from "vitest";
import { RefusalKind, RefusalLimiter, ReplyRing } from "../../../src/core/refusal.js";
import { KeyedHash } from "../../../src/util/keyed-hash.js";
import { addressOf } from "./rig.js";

const at = (timeUs: number): Float64Array => new Float64Array([timeUs]);
const PER_SECOND = 20;

function limiter(): RefusalLimiter {
  return new RefusalLimiter(PER_SECOND, new KeyedHash(1, 2));
}

/** How many of `asked` refusals `host` gets. */
function spend(of: RefusalLimiter, host: string, timeUs = 0, kind?: RefusalKind, asked = 100): number {
  const address = addressOf(host, 7_001);
  let got = 0;
  for (let i = 0; i < asked; i++) if (of.allows(address, at(timeUs), kind)) got++;
  return got;
}

describe("RefusalLimiter", () => {
  test("a /64 is told by both its words, a /24 by its three bytes; whoever shares it shares the tokens", () => {
    const shared = limiter();
    expect(spend(shared, "2001:db8:1:1::1")).toBe(PER_SECOND);
    expect(spend(shared, "2001:db9:1:1::1")).toBe(PER_SECOND);
    expect(spend(shared, "2001:db8:1:2::1")).toBe(PER_SECOND);
    expect(spend(shared, "2001:db8:1:1:ffff:2:3:4")).toBe(0);
    expect(spend(shared, "192.0.2.1")).toBe(PER_SECOND);
    expect(spend(shared, "192.0.3.1")).toBe(PER_SECOND);
    expect(spend(shared, "192.0.2.255")).toBe(0);
  });

  test("each kind has tokens of its own, and BUSY is what is meant when none is named", () => {
    const of = limiter();
    expect(spend(of, "192.0.2.1", 0, RefusalKind.Busy)).toBe(PER_SECOND);
    expect(spend(of, "192.0.2.1", 0, RefusalKind.Abort)).toBe(PER_SECOND);
    expect(spend(of, "192.0.2.1", 0, RefusalKind.Version)).toBe(PER_SECOND);
    expect(spend(of, "192.0.2.1")).toBe(0);
  });

  test("a token comes back every fiftieth of a second, and asking does not put it off", () => {
    for (const [timeUs, tokens] of [
      [49_999, 0],
      [50_000, 1],
      [249_999, 4],
      [250_000, 5],
    ] as const) {
      const of = limiter();
      spend(of, "192.0.2.1");
      expect(spend(of, "192.0.2.1", timeUs)).toBe(tokens);
    }
    const of = limiter();
    spend(of, "192.0.2.1");
    let got = 0;
    for (let timeUs = 10_000; timeUs <= 1_000_000; timeUs += 10_000) {
      got += spend(of, "192.0.2.1", timeUs, RefusalKind.Busy, 1);
    }
    expect(got).toBeGreaterThanOrEqual(PER_SECOND - 1);
    expect(got).toBeLessThanOrEqual(PER_SECOND);
  });

  test("all prefixes together get as much as fifty at their full rate, anew each second and not more", () => {
    const of = limiter();
    let prefixes = 0;
    const ask = (timeUs: number): number => {
      let got = 0;
      for (let n = 0; n < 3_000; n++, prefixes++) {
        got += spend(of, `100.${prefixes >> 8}.${prefixes & 255}.1`, timeUs, RefusalKind.Busy, 1);
      }
      return got;
    };
    // A token each on the average, by a draw: a thousand of them add up to about a thousand.
    for (const [timeUs, tokens] of [
      [0, 1_000],
      [0, 0],
      [500_000, 500],
      [90_000_000, 1_000],
    ] as const) {
      expect(Math.abs(ask(timeUs) - tokens)).toBeLessThanOrEqual(tokens / 10);
    }
  });

  test("a prefix that has had enough uses up nothing of what is there for all", () => {
    const of = limiter();
    spend(of, "192.0.2.1", 0, RefusalKind.Busy, 20_000);
    let others = 0;
    for (let n = 0; n < 40; n++) others += spend(of, `100.64.${n}.1`);
    // A few of them hash alike, and share their tokens.
    expect(others).toBeGreaterThan(35 * PER_SECOND);
  });
});

describe("ReplyRing", () => {
  test("goes round: what is added while others wait comes after them, in its own place", () => {
    const ring = new ReplyRing();
    let added = 0;
    let shifted = 0;
    for (let round = 0; round < 50; round++) {
      while (ring.count < 40) {
        const reply = ring.add();
        if (reply === null) throw new Error("full before its time");
        reply.length = ++added;
      }
      for (let n = 0; n < 7; n++) expect(ring.shift()?.length).toBe(++shifted);
      expect(ring.count).toBe(33);
    }
    while (ring.add() !== null) added++;
    expect([ring.count, added - shifted]).toEqual([64, 64]);
  });
});
