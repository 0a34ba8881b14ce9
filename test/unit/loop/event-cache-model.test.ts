import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventClass, PATIENCE_TURNS } from "../../../src/loop/event-cache.js";
import { House, Probe } from "./event-house.js";

const CLASSES = Object.values(EventClass);

describe("EventCache against a model", () => {
  const NAMES = 6;
  const command = fc.record({
    kind: fc.constantFrom("put", "put", "put", "withdraw"),
    item: fc.nat({ max: NAMES - 1 }),
    eventClass: fc.constantFrom(...CLASSES),
  });
  type Command = { readonly kind: string; readonly item: number; readonly eventClass: EventClass };
  const step = fc.oneof(
    { weight: 3, arbitrary: command },
    { weight: 2, arbitrary: fc.constant("drain" as const) },
  );

  interface Entry {
    readonly item: number;
    readonly turn: number;
  }

  // Four plain queues.
  class Model {
    readonly queues: Entry[][] = [[], [], [], []];
    readonly ran: string[] = [];
    turns = 0;
    waitedMax = 0;
    left = 0;

    do({ kind, item, eventClass }: Command): void {
      const held = this.classOf(item);
      if (kind === "put" && held >= 0 && held <= eventClass) return;
      if (held >= 0)
        this.queues[held] = (this.queues[held] as Entry[]).filter((entry) => entry.item !== item);
      if (kind === "put") (this.queues[eventClass] as Entry[]).push({ item, turn: this.turns });
    }

    classOf(item: number): number {
      return this.queues.findIndex((queue) => queue.some((entry) => entry.item === item));
    }

    // The oldest of those out of patience, or else the first of the most urgent class.
    nextQueue(): Entry[] | undefined {
      const heads = this.queues.filter((queue) => queue.length > 0);
      const impatient = heads.filter((queue) => this.turns - (queue[0] as Entry).turn >= PATIENCE_TURNS);
      const oldest = Math.min(...impatient.map((queue) => (queue[0] as Entry).turn));
      return impatient.find((queue) => queue[0]?.turn === oldest) ?? heads[0];
    }

    drain(itemsPerTurn: number, next: () => Command | undefined): void {
      if (this.count === 0) return;
      this.turns++;
      const run = (queue: Entry[] | undefined): void => {
        const { item, turn } = queue?.shift() as Entry;
        this.ran.push(`${item}`);
        this.waitedMax = Math.max(this.waitedMax, this.turns - turn);
        const reaction = next();
        if (reaction !== undefined) this.do(reaction);
      };
      for (let left = (this.queues[0] as Entry[]).length; left > 0 && this.queues[0]?.length; left--) {
        run(this.queues[0]);
      }
      for (let i = 0; i < itemsPerTurn && this.count > 0; i++) run(this.nextQueue());
      this.left += this.count;
    }

    get count(): number {
      return this.queues.flat().length;
    }
  }

  it("runs the same in the same order, holds the same, and has one drain asked for while it holds anything", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80, size: "max" }),
        fc.array(fc.option(command, { nil: undefined }), { maxLength: 40, size: "max" }),
        fc.integer({ min: 1, max: 4 }),
        (steps, reactions, itemsPerTurn) => {
          const house = new House({ itemsPerTurn });
          const model = new Model();
          const script = reactions.values();
          const modelScript = reactions.values();
          const react = (): void => {
            const reaction = script.next().value;
            if (reaction !== undefined) perform(reaction);
          };
          const items = Array.from({ length: NAMES }, (_, i) => new Probe(house, `${i}`));
          for (const item of items) item.whenRun = react;
          const perform = ({ kind, item, eventClass }: Command): void => {
            if (kind === "put") house.cache.put(items[item] as Probe, eventClass);
            else house.cache.withdraw(items[item] as Probe);
          };
          let isWanted: boolean = false;
          for (const each of steps) {
            const armsBefore = house.arms;
            if (each === "drain") {
              isWanted = false;
              house.cache.drain();
              model.drain(itemsPerTurn, () => modelScript.next().value);
            } else {
              perform(each);
              model.do(each);
            }
            expect(house.ran).toEqual(model.ran);
            expect(house.cache.count).toBe(model.count);
            expect(items.map((item) => item.eventClass)).toEqual(items.map((_, i) => model.classOf(i)));
            const { turns, waitedMax, left } = house.cache.counters;
            expect([turns, waitedMax, left]).toEqual([model.turns, model.waitedMax, model.left]);
            const isNewlyWanted: boolean = model.count > 0 && !isWanted;
            expect(house.arms - armsBefore).toBe(isNewlyWanted ? 1 : 0);
            isWanted ||= isNewlyWanted;
          }
          const { learned, run } = house.cache.counters;
          expect(run).toBe(house.ran.length);
          expect(learned).toBeGreaterThanOrEqual(run + house.cache.count);
        },
      ),
      { numRuns: 500 },
    );
  });
});
