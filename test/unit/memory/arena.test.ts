import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Arena, type Releasable } from "../../../src/memory/arena.js";
import { ByteBudget } from "../../../src/memory/byte-budget.js";
import { SharedChunk } from "../../../src/memory/shared-chunk.js";
import { RxOptionError } from "../../../src/util/errors.js";

const STATE_ERROR = expect.objectContaining({ name: "RxError", code: "RX_ERR_CALL_STATE" });
const ENDED = expect.objectContaining({ name: "RxError", code: "RX_ERR_CALL_ENDED" });
const NO_MEMORY = expect.objectContaining({ name: "RxError", code: "RX_ERR_MEMORY", abortCode: 12 });

function arenaOf(maxBytes: number, blockBytes?: number): { arena: Arena; budget: ByteBudget } {
  const budget = new ByteBudget(maxBytes);
  return { arena: new Arena(budget, blockBytes), budget };
}

// Releasables that write their name down.
function releasables(released: string[]): (name: string, then?: () => void) => Releasable {
  return (name, then = () => undefined) => ({
    release(): void {
      released.push(name);
      then();
    },
  });
}

function errorOf(action: () => unknown): Error & { cause?: unknown } {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

describe("Arena: allocation", () => {
  it("charges nothing before it is asked for something, nor for nothing", () => {
    const { arena, budget } = arenaOf(0);
    expect(arena.alloc(0).length).toBe(0);
    expect(arena.copy(new Uint8Array(0)).length).toBe(0);
    expect([arena.bytes, budget.used, arena.isCleared]).toEqual([0, 0, false]);
  });

  it("lets small allocations share a block, each from a multiple of 8", () => {
    const { arena, budget } = arenaOf(4096);
    const views = [1, 7, 8, 9, 1].map((length) => arena.alloc(length));
    expect(views.map((view) => view.byteOffset)).toEqual([0, 8, 16, 24, 40]);
    expect(new Set(views.map((view) => view.buffer)).size).toBe(1);
    expect([arena.bytes, budget.used]).toEqual([4096, 4096]);
  });

  it("uses a block to its last byte before it takes another", () => {
    const { arena } = arenaOf(256, 128);
    for (let i = 0; i < 3; i++) arena.alloc(32);
    const last = arena.alloc(31);
    expect([last.byteOffset, arena.bytes]).toEqual([96, 128]);
    expect([arena.alloc(1).byteOffset, arena.bytes]).toEqual([0, 256]);
  });

  it("gives more than a quarter of a block a block of its own and goes on with the shared one", () => {
    const { arena, budget } = arenaOf(10_000, 1024);
    const before = arena.alloc(256);
    expect(arena.bytes).toBe(1024);
    const large = arena.alloc(257);
    expect([large.byteOffset, large.buffer.byteLength, arena.bytes]).toEqual([0, 257, 1024 + 257]);
    const after = arena.alloc(8);
    expect(after.buffer).toBe(before.buffer);
    expect([arena.bytes, budget.used]).toEqual([1281, 1281]);
  });

  it("copies: later changes of the source do not show, and the other way round", () => {
    const { arena } = arenaOf(10_000);
    const source = Uint8Array.of(1, 2, 3);
    const copied = arena.copy(source);
    source[0] = 9;
    copied[1] = 8;
    expect([[...source], [...copied]]).toEqual([
      [9, 2, 3],
      [1, 8, 3],
    ]);
  });

  it("refuses what the budget refuses, says why, and is as before", () => {
    const { arena, budget } = arenaOf(200, 128);
    const kept = arena.alloc(8);
    const refused = errorOf(() => arena.alloc(150));
    expect(refused).toEqual(NO_MEMORY);
    expect(refused.message).toMatch(/150 bytes asked, 128 of at most 200 in use$/);
    expect(() => arena.copy(new Uint8Array(73))).toThrow(NO_MEMORY);
    expect([arena.bytes, budget.used]).toEqual([128, 128]);
    expect(arena.alloc(8).byteOffset).toBe(kept.byteOffset + 8);
    expect(arena.alloc(72).length).toBe(72);
    // Full: neither does a refused shared block disturb the one in use.
    for (let i = 0; i < 3; i++) arena.alloc(32);
    expect(() => arena.alloc(32)).toThrow(NO_MEMORY);
    expect(arena.alloc(16).byteOffset).toBe(112);
  });

  it("says so when it is the limit of all calls that refuses", () => {
    const budget = new ByteBudget(1000, new ByteBudget(100));
    const arena = new Arena(budget);
    expect(errorOf(() => arena.alloc(1500)).message).not.toMatch(/all calls/);
    expect(errorOf(() => arena.alloc(600)).message).not.toMatch(/all calls/);
    const roomy = new Arena(budget, 512);
    expect(errorOf(() => roomy.alloc(600)).message).toMatch(
      /600 bytes asked, 0 of at most 1000 in use; the limit for all calls/,
    );
    // The last byte of its own limit is still its own.
    expect(errorOf(() => roomy.alloc(1000)).message).toMatch(/; the limit for all calls/);
  });

  it("reports a system without memory like a budget without room, and returns the charge", () => {
    const { arena, budget } = arenaOf(10_000);
    vi.stubGlobal(
      "ArrayBuffer",
      class {
        constructor() {
          throw new RangeError("Array buffer allocation failed");
        }
      },
    );
    const failed = errorOf(() => arena.alloc(8));
    vi.unstubAllGlobals();
    expect(failed).toEqual(NO_MEMORY);
    expect(failed.message).toMatch(/4096 bytes asked, the system has no memory left$/);
    expect(failed.cause).toBeInstanceOf(RangeError);
    expect([arena.bytes, budget.used]).toEqual([0, 0]);
    expect(arena.alloc(8).length).toBe(8);
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 31, "8", undefined])("refuses %s as a length", (length) => {
    const { arena } = arenaOf(Number.POSITIVE_INFINITY);
    expect(() => arena.alloc(length as number)).toThrow(RxOptionError);
    expect(arena.bytes).toBe(0);
  });

  it("may be asked for as much as a view can hold: then it is the budget that refuses", () => {
    expect(() => arenaOf(100).arena.alloc(2 ** 31 - 1)).toThrow(NO_MEMORY);
  });

  it("names the argument that is wrong and what it should have been", () => {
    const { arena } = arenaOf(100);
    const refusals: [() => unknown, string, string][] = [
      [() => arena.alloc(-1), "length", "an integer from 0 to 2147483647"],
      [() => arena.copy("abc" as never), "bytes", "a Uint8Array"],
      [() => arena.link({} as never), "thing", "an object with release()"],
      [() => arenaOf(100, 8), "blockBytes", "an integer from 64 to 2147483647"],
      [() => arenaOf(100, 100), "blockBytes", "a multiple of 8"],
    ];
    for (const [action, option, expected] of refusals)
      expect(errorOf(action)).toMatchObject({ option, expected });
  });

  it.each([0, 8, 56, 100, 4096.5, -64, "4096", 2 ** 31])(
    "refuses %s as the size of a block",
    (blockBytes) => {
      expect(() => arenaOf(10_000, blockBytes as number)).toThrow(RxOptionError);
    },
  );

  it("refuses to copy what is not bytes", () => {
    expect(() => arenaOf(10_000).arena.copy("abc" as never)).toThrow(RxOptionError);
  });

  it("never lets allocations overlap, hands out zeros only, and charges whole blocks exactly", () => {
    const BLOCK = 128;
    const LIMIT = 1024;
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(40), fc.nat(300)), { maxLength: 40 }),
        fc.nat(200),
        (lengths, foreign) => {
          const { arena, budget } = arenaOf(LIMIT, BLOCK);
          budget.take(foreign);
          const views: Uint8Array<ArrayBuffer>[] = [];
          for (const length of lengths) {
            const charged = arena.bytes;
            let view: Uint8Array<ArrayBuffer>;
            try {
              view = arena.alloc(length);
            } catch (error) {
              expect(error).toEqual(NO_MEMORY);
              const asked = length > BLOCK / 4 ? length : BLOCK;
              expect(foreign + charged + asked).toBeGreaterThan(LIMIT);
              expect(arena.bytes).toBe(charged);
              continue;
            }
            expect(view.length).toBe(length);
            expect(view.byteOffset % 8).toBe(0);
            expect(view.every((byte) => byte === 0)).toBe(true);
            views.push(view);
            view.fill(views.length);
          }
          // Every byte still holds what its only owner wrote.
          for (const [i, view] of views.entries()) expect(view.every((byte) => byte === i + 1)).toBe(true);
          const blocks = new Set(views.filter((view) => view.length > 0).map((view) => view.buffer));
          const held = [...blocks].reduce((sum, block) => sum + block.byteLength, 0);
          expect([arena.bytes, budget.used]).toEqual([held, held + foreign]);
          arena.clear();
          expect([arena.bytes, budget.used]).toEqual([0, foreign]);
        },
      ),
    );
  });
});

describe("Arena: clear()", () => {
  it("gives the memory back to the budget, and what somebody kept of it is never another arena's", () => {
    const { arena, budget } = arenaOf(100_000);
    const kept = [arena.copy(new Uint8Array(10).fill(1)), arena.copy(new Uint8Array(50_000).fill(1))];
    arena.clear();
    expect([arena.bytes, budget.used, arena.isCleared]).toEqual([0, 0, true]);
    const next = new Arena(budget);
    for (const length of [10, 50_000]) next.alloc(length).fill(2);
    for (const view of kept) expect(view.every((byte) => byte === 1)).toBe(true);
  });

  it("refuses every use afterwards", () => {
    const { arena, budget } = arenaOf(10_000);
    const chunk = new SharedChunk(new Uint8Array(1));
    arena.alloc(8);
    arena.clear();
    expect(() => arena.alloc(8)).toThrow(ENDED);
    expect(() => arena.alloc(0)).toThrow(ENDED);
    expect(() => arena.copy(new Uint8Array(8))).toThrow(ENDED);
    expect(() => arena.linkShared(chunk)).toThrow(ENDED);
    expect([chunk.references, budget.used, arena.bytes]).toEqual([1, 0, 0]);
    const late = [() => arena.alloc(8), () => arena.link(chunk), () => arena.linkShared(chunk)];
    expect(late.map((action) => errorOf(action).message)).toEqual(
      ["alloc", "link", "linkShared"].map(
        (name) => `RX_ERR_CALL_ENDED: ${name}: the arena went with its call`,
      ),
    );
  });

  it("releases what is linked, the latest first, while the memory is still there", () => {
    const { arena } = arenaOf(10_000);
    const released: string[] = [];
    const named = releasables(released);
    const view = arena.copy(Uint8Array.of(7));
    const first = named("first", () => released.push(`sees ${view[0]}`));
    expect(arena.link(first)).toBe(first);
    arena.link(named("second"));
    arena.link(named("third"));
    expect(released).toEqual([]);
    arena.clear();
    arena.clear();
    expect(released).toEqual(["third", "second", "first", "sees 7"]);
  });

  it("does all of its work though some of it throws, then throws the first error", () => {
    const budget = new ByteBudget(10_000);
    const arena = new Arena(budget, 64);
    const released: string[] = [];
    const named = releasables(released);
    const fails = (what: string) => (): never => {
      throw new Error(what);
    };
    arena.link(named("a"));
    arena.link(named("b", fails("second error")));
    arena.link(named("c", fails("first error")));
    arena.alloc(8);
    arena.alloc(100);
    expect(() => arena.clear()).toThrow("first error");
    expect(released).toEqual(["c", "b", "a"]);
    expect([arena.bytes, budget.used, arena.isCleared]).toEqual([0, 0, true]);
    expect(() => arena.clear()).not.toThrow();
  });

  it("passes on an error that is undefined", () => {
    const { arena } = arenaOf(10_000);
    arena.link({
      release(): void {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- foreign code may throw anything
        throw undefined;
      },
    });
    const caught: unknown[] = [];
    try {
      arena.clear();
    } catch (error) {
      caught.push(error);
    }
    expect(caught).toEqual([undefined]);
  });

  it("stands a release() that uses the arena: it is ended, and nothing is released twice", () => {
    const { arena, budget } = arenaOf(10_000);
    const released: string[] = [];
    const named = releasables(released);
    const late = named("late");
    arena.alloc(8);
    arena.link(named("first"));
    arena.link(
      named("second", () => {
        arena.clear();
        expect(arena.isCleared).toBe(true);
        expect(() => arena.alloc(8)).toThrow(ENDED);
        expect(() => arena.link(late)).toThrow(ENDED);
        released.push("end of second");
      }),
    );
    arena.clear();
    expect(released).toEqual(["second", "late", "end of second", "first"]);
    expect([arena.bytes, budget.used]).toEqual([0, 0]);
  });
});

describe("Arena: links", () => {
  it("link() takes over the caller's reference, linkShared() takes one of its own", () => {
    const { arena } = arenaOf(0);
    const [own, lent] = [new SharedChunk(new Uint8Array(1)), new SharedChunk(new Uint8Array(1))];
    expect(arena.link(own)).toBe(own);
    expect(arena.linkShared(lent)).toBe(lent);
    expect([own.references, lent.references]).toEqual([1, 2]);
    arena.clear();
    expect([own.references, lent.references]).toEqual([0, 1]);
  });

  it("linkShared() refuses a chunk that is disposed of, and links nothing", () => {
    const { arena } = arenaOf(0);
    const chunk = new SharedChunk(new Uint8Array(1));
    chunk.release();
    expect(() => arena.linkShared(chunk)).toThrow(STATE_ERROR);
    expect(() => arena.clear()).not.toThrow();
  });

  it("releases at once what is linked too late, and says so", () => {
    const { arena } = arenaOf(0);
    arena.clear();
    const dispose = vi.fn();
    expect(() => arena.link(new SharedChunk(new Uint8Array(1), dispose))).toThrow(ENDED);
    expect(dispose).toHaveBeenCalledTimes(1);
    const cause = new Error("in dispose");
    const failing = new SharedChunk(new Uint8Array(1), () => {
      throw cause;
    });
    const failed = errorOf(() => arena.link(failing));
    expect(failed).toEqual(ENDED);
    expect(failed.cause).toBe(cause);
  });

  it("unlink() gives the reference back to the caller, one link at a time", () => {
    const { arena } = arenaOf(0);
    const released: string[] = [];
    const [a, b] = [releasables(released)("a"), releasables(released)("b")];
    for (const thing of [a, b, a]) arena.link(thing);
    expect(arena.unlink(a)).toBe(true);
    arena.clear();
    expect(released).toEqual(["b", "a"]);
    expect([arena.unlink(a), arena.unlink(b)]).toEqual([false, false]);
  });

  it("unlink() within a release() saves what has not had its turn", () => {
    const { arena } = arenaOf(0);
    const released: string[] = [];
    const named = releasables(released);
    const saved = named("saved");
    arena.link(named("first"));
    arena.link(saved);
    arena.link(named("saver", () => expect(arena.unlink(saved)).toBe(true)));
    arena.clear();
    expect(released).toEqual(["saver", "first"]);
  });

  it.each([undefined, null, 3, {}, { release: 1 }])("refuses to link %s", (thing) => {
    const { arena } = arenaOf(0);
    expect(() => arena.link(thing as never)).toThrow(RxOptionError);
    arena.clear();
    expect(() => arena.link(thing as never)).toThrow(RxOptionError);
  });

  it("disposes of shared chunks exactly once, whatever the order of their users and arenas", () => {
    const step = fc.record({
      kind: fc.constantFrom("retain", "release", "link", "linkShared", "unlink", "clear"),
      chunk: fc.nat(2),
      arena: fc.nat(1),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const disposed = [0, 0, 0];
        const chunks = disposed.map(
          (_, i) => new SharedChunk(new Uint8Array(4), () => (disposed[i] as number)++),
        );
        const arenas = [arenaOf(0).arena, arenaOf(0).arena];
        // The model: references in the test's own hands, and links by arena and chunk.
        const held = [1, 1, 1];
        const links = [
          [0, 0, 0],
          [0, 0, 0],
        ];
        const totalOf = (c: number): number =>
          (held[c] as number) + links.reduce((sum, counts) => sum + (counts[c] as number), 0);

        for (const { kind, chunk: c, arena: a } of steps) {
          const chunk = chunks[c] as SharedChunk;
          const arena = arenas[a] as Arena;
          const counts = links[a] as number[];
          const mine = held[c] as number;
          const linked = counts[c] as number;
          switch (kind) {
            case "retain":
              if (totalOf(c) === 0) expect(() => chunk.retain()).toThrow(STATE_ERROR);
              else {
                chunk.retain();
                held[c] = mine + 1;
              }
              break;
            case "release":
              // A reference that is not one's own is not released.
              if (totalOf(c) === 0) expect(() => chunk.release()).toThrow(STATE_ERROR);
              else if (mine > 0) {
                chunk.release();
                held[c] = mine - 1;
              }
              break;
            case "link":
              if (mine === 0) break;
              held[c] = mine - 1;
              if (arena.isCleared) expect(() => arena.link(chunk)).toThrow(ENDED);
              else {
                arena.link(chunk);
                counts[c] = linked + 1;
              }
              break;
            case "linkShared":
              if (arena.isCleared) expect(() => arena.linkShared(chunk)).toThrow(ENDED);
              else if (totalOf(c) === 0) expect(() => arena.linkShared(chunk)).toThrow(STATE_ERROR);
              else {
                arena.linkShared(chunk);
                counts[c] = linked + 1;
              }
              break;
            case "unlink":
              expect(arena.unlink(chunk)).toBe(linked > 0);
              if (linked > 0) {
                counts[c] = linked - 1;
                held[c] = mine + 1;
              }
              break;
            default:
              arena.clear();
              counts.fill(0);
          }
          expect(chunks.map((each) => each.references)).toEqual([0, 1, 2].map(totalOf));
          expect(disposed).toEqual([0, 1, 2].map((i) => (totalOf(i) === 0 ? 1 : 0)));
        }
      }),
    );
  });
});
