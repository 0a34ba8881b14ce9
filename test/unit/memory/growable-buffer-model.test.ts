import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteBudget } from "../../../src/memory/byte-budget.js";
import { systemError } from "./fake-spill.js";
import { Bench, BLOCK } from "./growable-bench.js";

type Step =
  | { readonly kind: "write" | "read" | "land"; readonly amount: number }
  | { readonly kind: "reserve"; readonly amount: number; readonly filled: number }
  | { readonly kind: "others"; readonly amount: number }
  | { readonly kind: "end" | "clear" | "fail" };

const amount = fc.integer({ min: 1, max: 3 * BLOCK });
const blockPart = fc.integer({ min: 1, max: BLOCK });
const usualStep = fc.oneof(
  fc.record({ kind: fc.constantFrom("write", "read", "land", "land"), amount }),
  fc.record({ kind: fc.constant("reserve"), amount: blockPart, filled: fc.nat(BLOCK) }),
  fc.record({ kind: fc.constant("others"), amount: fc.nat(20) }),
) as fc.Arbitrary<Step>;
const lastSteps = fc.array(fc.record({ kind: fc.constantFrom("end", "end", "clear", "fail") }), {
  maxLength: 2,
}) as fc.Arbitrary<Step[]>;
const setups = fc.record({
  thresholdBlocks: fc.nat(10),
  memoryBlocks: fc.integer({ min: 2, max: 16 }),
  hasSpill: fc.boolean(),
});

describe("GrowableBuffer against a plain queue of bytes", () => {
  // What is true after every step, whatever happened before.
  function checkStep(bench: Bench, othersBytes: number): void {
    const { buffer, spill } = bench;
    bench.check(othersBytes);
    if (buffer.failure !== null || bench.isCleared) {
      expect([buffer.length, buffer.fileBytes, buffer.peek(), spill.openFiles]).toEqual([0, 0, null, 0]);
      return;
    }
    expect(buffer.length).toBe(bench.written - bench.read);
    if (buffer.length > 0 && buffer.peek() === null) expect(spill.pending.length).toBeGreaterThan(0);
  }

  function act(bench: Bench, step: Step): void {
    const { buffer, spill } = bench;
    const mayWrite = !buffer.isEnded;
    if (step.kind === "read") bench.take(step.amount);
    else if (step.kind === "land" && spill.pending.length > 0) spill.land(step.amount);
    else if (step.kind === "fail" && spill.pending.length > 0) spill.land(0, systemError("EIO"));
    else if (step.kind === "end") buffer.end();
    else if (step.kind === "clear") {
      bench.isCleared = true;
      buffer.clear();
    } else if (mayWrite && step.kind === "write") bench.write(step.amount);
    else if (mayWrite && step.kind === "reserve" && !bench.reserve(step.amount, step.filled)) {
      const isOver = buffer.failure !== null || bench.isCleared;
      expect(isOver || spill.pending.length > 0 || buffer.peek() !== null).toBe(true);
    }
  }

  it("keeps bytes and order, and counts exactly, through any schedule", () => {
    fc.assert(
      fc.property(
        setups,
        fc.array(usualStep, { maxLength: 120 }),
        lastSteps,
        fc.array(usualStep, { maxLength: 30 }),
        (setup, before, turn, after) => {
          const bench = new Bench(setup);
          const others = new ByteBudget(Number.POSITIVE_INFINITY, bench.memory);
          for (const step of [...before, ...turn, ...after]) {
            if (step.kind === "others") {
              others.give(others.used);
              others.take(step.amount * BLOCK);
            } else {
              act(bench, step);
            }
            checkStep(bench, others.used);
          }
          bench.buffer.clear();
          bench.spill.landAll();
          others.give(others.used);
          bench.expectNothingHeld();
        },
      ),
      { numRuns: 400 },
    );
  });

  // Each side acts until it is refused and then waits to be told. With `isReaderLate`, the reader begins when all is
  // written: the case of a handler that reads back what it wrote itself.
  it("moves every byte between two sides that look again only when they are told", () => {
    const transfers = fc.record({
      isReaderLate: fc.boolean(),
      bytes: fc.integer({ min: 0, max: 60 * BLOCK }),
      choices: fc.infiniteStream(fc.record({ who: fc.nat(), amount, othersBlocks: fc.nat(20) })),
    });
    fc.assert(
      fc.property(setups, transfers, (setup, { isReaderLate, bytes, choices }) => {
        const bench = new Bench({ ...setup, hasSpill: isReaderLate || setup.hasSpill });
        const { buffer, spill } = bench;
        const others = new ByteBudget(Number.POSITIVE_INFINITY, bench.memory);
        let isWriterWaiting = false;
        let isReaderWaiting = false;
        bench.onChange = () => {
          isWriterWaiting = false;
          isReaderWaiting = false;
        };
        const write = (length: number): void => {
          const asked = Math.min(length, bytes - bench.written);
          isWriterWaiting = true;
          if (bench.write(asked) === asked) isWriterWaiting = false;
          if (bench.written === bytes) buffer.end();
        };
        const read = (length: number): void => {
          isReaderWaiting = true;
          if (bench.take(length) > 0) isReaderWaiting = false;
        };
        while (!buffer.isAtEnd) {
          const { who, amount: length, othersBlocks } = choices.next().value;
          const able: ((length: number) => void)[] = [];
          if (!isWriterWaiting && !buffer.isEnded) able.push(write);
          if (!isReaderWaiting && (buffer.isEnded || !isReaderLate)) able.push(read);
          if (spill.pending.length > 0) able.push((index) => spill.land(index));
          expect([able.length > 0, buffer.failure]).toEqual([true, null]);
          (able[who % able.length] as (length: number) => void)(length);
          // The first blocks must be there; from then on others may take all the rest.
          if (bench.written > 0 && others.used === 0) others.take(othersBlocks * BLOCK);
          else if (othersBlocks < 5) others.give(others.used);
        }
        spill.landAll();
        others.give(others.used);
        expect(bench.read).toBe(bytes);
        bench.expectNothingHeld();
      }),
      { numRuns: 150 },
    );
  });
});
