import { describe, expect, it } from "vitest";
import { EventClass, PATIENCE_TURNS, turnsWaitedMax } from "../../../src/loop/event-cache.js";
import { AssertionError } from "../../../src/util/assert.js";
import { House, type Probe } from "./event-house.js";

const { NewCall, Control, Data, Background } = EventClass;
const CLASSES = [NewCall, Control, Data, Background] as const;

describe("EventCache order", () => {
  it("runs classes by urgency, and one class in the order of arrival", () => {
    const house = new House();
    for (const name of ["b1", "d1", "c1", "n1"]) {
      house.put(name, { b: Background, d: Data, c: Control, n: NewCall }[name[0] as "b"]);
    }
    for (const eventClass of [...CLASSES].reverse()) house.put(`${"ncdb"[eventClass]}2`, eventClass);
    expect(house.turn()).toEqual(["n1", "n2", "c1", "c2", "d1", "d2", "b1", "b2"]);
    expect(house.cache.count).toBe(0);
    expect(house.turn()).toEqual([]);
  });

  it("holds an item once, however often it is put", () => {
    const house = new House();
    const item = house.put("a", Data);
    house.put("b", Data);
    house.cache.put(item, Data);
    house.cache.put(item, Background);
    expect(house.cache.count).toBe(2);
    expect(house.cache.counters).toMatchObject({ learned: 2, merged: 2 });
    expect(house.turn()).toEqual(["a", "b"]);
  });

  it("moves an item up to a more urgent class, behind what waits there, and never down", () => {
    const house = new House();
    const item = house.put("moved", Background);
    house.put("control", Control);
    house.put("background", Background);
    house.cache.put(item, Control);
    house.cache.put(item, Data);
    expect(item.eventClass).toBe(Control);
    expect(house.cache.count).toBe(3);
    expect(house.turn()).toEqual(["control", "moved", "background"]);
  });

  it("takes an item in again after it has run, also from its own run", () => {
    const house = new House();
    let left = 2;
    const item = house.put("again", Data, () => {
      if (left-- > 0) house.cache.put(item, Data);
    });
    expect(house.turn()).toEqual(["again", "again", "again"]);
    expect(house.cache.counters).toMatchObject({ learned: 3, merged: 0, run: 3, turns: 1 });
  });

  it("does not run what was withdrawn, from the front, the middle, the back or alone", () => {
    for (const gone of [[0], [1], [2], [0, 1, 2], [2, 1, 0]]) {
      const house = new House();
      const items = house.putMany(3, Data);
      for (const at of gone) house.cache.withdraw(items[at] as Probe);
      for (const at of gone) house.cache.withdraw(items[at] as Probe);
      expect(house.cache.count).toBe(3 - gone.length);
      house.put("last", Data);
      const stay = ["0", "1", "2"].filter((name) => !gone.includes(Number(name)));
      expect(house.turn()).toEqual([...stay, "last"]);
    }
  });

  it("lets an item withdraw another that waits behind it", () => {
    const house = new House();
    house.put("first", Control, () => house.cache.withdraw(victim));
    const victim = house.put("victim", Data);
    expect(house.turn()).toEqual(["first"]);
    expect(house.cache.count).toBe(0);
  });
});

describe("EventCache bounds", () => {
  it("runs at most itemsPerTurn items in a turn and the rest in the next", () => {
    const house = new House({ itemsPerTurn: 3 });
    house.putMany(7, Data);
    expect([house.turn(), house.turn(), house.turn()]).toEqual([["0", "1", "2"], ["3", "4", "5"], ["6"]]);
    expect(house.cache.counters).toMatchObject({ run: 7, turns: 3 });
  });

  it("has bounds of 64 items and one millisecond by default", () => {
    const house = new House();
    house.putMany(65, Data);
    expect(house.turn()).toHaveLength(64);
    const slow = new House();
    slow.itemUs = 125;
    slow.putMany(20, Data);
    expect(slow.turn()).toHaveLength(8);
    const quick = new House();
    quick.itemUs = 124;
    quick.putMany(20, Data);
    expect(quick.turn()).toHaveLength(16);
  });

  it("stops when the turn has taken turnUs, within eight items of it", () => {
    const house = new House({ turnUs: 200 });
    house.itemUs = 15;
    house.putMany(64, Data);
    expect(house.turn()).toHaveLength(16);
  });

  it("makes headway in a turn without any time", () => {
    const house = new House({ turnUs: 0 });
    house.putMany(3, Data);
    expect(house.turn()).toEqual(["0", "1", "2"]);
  });

  it("looks at the clock once in eight items", () => {
    const house = new House();
    house.putMany(64, Data);
    house.turn();
    expect(house.clockReads).toBe(8);
  });

  it("runs every new call that waits, beyond both bounds, and then others up to the bound", () => {
    const house = new House({ itemsPerTurn: 2, turnUs: 10 });
    house.itemUs = 100;
    house.putMany(3, Data);
    house.putMany(50, NewCall);
    expect(house.turn()).toHaveLength(52);
    expect(house.cache.count).toBe(1);
  });

  it("runs what arrives while draining in the same turn only within the bound", () => {
    const house = new House({ itemsPerTurn: 5 });
    const item = house.put("again", Background, () => house.cache.put(item, Background));
    expect(house.turn()).toHaveLength(5);
    expect(house.cache.count).toBe(1);
  });

  it("goes on to the others when a new call withdraws or moves those behind it", () => {
    const house = new House();
    house.put("first", NewCall, () => {
      house.cache.withdraw(victim);
      house.cache.withdraw(moved);
      house.cache.put(moved, Background);
    });
    const victim = house.put("victim", NewCall);
    const moved = house.put("moved", NewCall);
    house.put("data", Data);
    expect(house.turn()).toEqual(["first", "data", "moved"]);
  });

  it("counts new calls that arrive while draining towards the bound: they cannot hold the turn for ever", () => {
    const house = new House({ itemsPerTurn: 5 });
    let runs = 0;
    const item = house.put("again", NewCall, () => {
      if (++runs > 1_000) throw new AssertionError("the turn does not end");
      house.cache.put(item, NewCall);
    });
    house.put("data", Data);
    expect(house.turn()).toEqual(new Array<string>(6).fill("again"));
    expect(house.cache.count).toBe(2);
  });

  it("runs a more urgent item that arrives while draining before those that wait", () => {
    const house = new House();
    house.put("d1", Data, () => house.put("urgent", Control));
    house.put("d2", Data);
    expect(house.turn()).toEqual(["d1", "urgent", "d2"]);
  });
});

describe("EventCache faults", () => {
  it("reports what an item threw and runs the others", () => {
    const house = new House();
    const fault = new Error("a handler's");
    for (const eventClass of [NewCall, Data]) {
      house.put(`faulty ${eventClass}`, eventClass, () => {
        throw fault;
      });
      house.put(`sound ${eventClass}`, eventClass);
    }
    expect(house.turn()).toEqual(["faulty 0", "sound 0", "faulty 2", "sound 2"]);
    expect(house.faults).toEqual([fault, fault]);
    expect(house.cache.counters).toMatchObject({ faults: 2, run: 4 });
  });

  it.each([NewCall, Data])(
    "throws on a broken invariant of ours (class %i), and wants the rest drained",
    (eventClass) => {
      const house = new House();
      const broken = new AssertionError("broken");
      house.put("broken", eventClass, () => {
        throw broken;
      });
      house.put("rest", eventClass);
      expect(() => house.turn()).toThrow(broken);
      expect(house.faults).toEqual([]);
      expect([house.cache.count, house.arms]).toEqual([1, 2]);
      expect(house.turn()).toEqual(["rest"]);
    },
  );

  it("refuses to be drained from within its own drain", () => {
    const house = new House();
    house.put("nested", Data, () => house.cache.drain());
    expect(() => house.turn()).toThrow(AssertionError);
    house.put("after", Data);
    expect(house.turn()).toEqual(["after"]);
  });
});

describe("EventCache.arm", () => {
  it("is called for the first item and not for the next", () => {
    const house = new House();
    house.put("a", Data);
    expect(house.arms).toBe(1);
    house.put("b", NewCall);
    expect(house.arms).toBe(1);
  });

  it("is not called again when the only item moves up", () => {
    const house = new House();
    const item = house.put("a", Data);
    house.cache.put(item, Control);
    expect(house.arms).toBe(1);
  });

  it("is not called again when all was withdrawn and the drain that was asked for is still to come", () => {
    const house = new House();
    const item = house.put("a", Data);
    house.cache.withdraw(item);
    house.put("b", Data);
    expect(house.arms).toBe(1);
    expect(house.turn()).toEqual(["b"]);
  });

  it("is called again for the first item after a drain that left none, and not by that drain", () => {
    const house = new House();
    house.put("a", Data);
    house.turn();
    expect(house.arms).toBe(1);
    house.put("b", Data);
    expect(house.arms).toBe(2);
  });

  it("is called again after a drain that found everything withdrawn, which was no turn", () => {
    const house = new House();
    const item = house.put("a", Data);
    house.cache.withdraw(item);
    expect(house.turn()).toEqual([]);
    expect([house.cache.counters.turns, house.arms]).toEqual([0, 1]);
    house.put("b", Data);
    expect(house.arms).toBe(2);
  });

  it("is called once by a drain that leaves items, and not by what is put after it", () => {
    const house = new House({ itemsPerTurn: 2 });
    house.putMany(5, Data);
    house.turn();
    expect(house.arms).toBe(2);
    house.put("more", Data);
    expect(house.arms).toBe(2);
  });

  it("is not called for what is put while draining and runs in the same turn", () => {
    const house = new House();
    house.put("a", Data, () => house.put("b", Data));
    expect(house.turn()).toEqual(["a", "b"]);
    expect(house.arms).toBe(1);
  });
});

describe("EventCache patience", () => {
  // Items of an urgent class that put themselves again as soon as they run.
  function flood(house: House, count: number, eventClass: EventClass): void {
    for (let i = 0; i < count; i++) {
      const item: Probe = house.put(`flood ${i}`, eventClass, () => house.cache.put(item, eventClass));
    }
  }

  for (const eventClass of [Control, Data]) {
    it(`runs a background item within the stated turns, whatever comes in class ${eventClass}`, () => {
      const house = new House();
      flood(house, 100, eventClass);
      // So slow that every turn ends at its first look at the clock.
      house.itemUs = 1_000;
      house.turn();
      house.put("late", Background);
      let turns = 0;
      while (!house.ran.includes("late") && turns < 1_000) {
        house.turn();
        turns++;
      }
      expect(turns).toBeGreaterThan(PATIENCE_TURNS - 1);
      expect(turns).toBeLessThanOrEqual(turnsWaitedMax(101));
      expect(house.cache.counters.waitedMax).toBeLessThanOrEqual(turnsWaitedMax(101));
    });
  }

  it("keeps the bound for every one of many items of all classes", () => {
    const house = new House();
    house.itemUs = 300;
    for (const eventClass of [Control, Data, Background]) flood(house, 60, eventClass);
    for (let turn = 0; turn < 500; turn++) house.turn();
    expect(house.cache.counters.waitedMax).toBeLessThanOrEqual(turnsWaitedMax(180));
    expect(house.cache.counters.waitedMax).toBeGreaterThanOrEqual(PATIENCE_TURNS);
  });

  it("states eight turns, and one more for every eight items", () => {
    expect([0, 1, 8, 9, 64, 65].map((items) => turnsWaitedMax(items))).toEqual([8, 9, 9, 10, 16, 17]);
  });

  it("runs the more urgent first of two that have waited for equally long", () => {
    const house = new House();
    flood(house, 8, Control);
    house.itemUs = 1_000;
    house.put("background", Background);
    house.put("data", Data);
    for (let turn = 0; turn < PATIENCE_TURNS - 1; turn++) house.turn();
    expect(house.turn().slice(0, 2)).toEqual(["data", "background"]);
  });

  it("goes back to urgency in the turn in which the last item out of patience has run", () => {
    const house = new House();
    house.itemUs = 1_000;
    flood(house, 8, Control);
    house.put("late", Background, () => {
      house.put("data", Data);
      house.put("call", NewCall);
    });
    for (let turn = 0; turn < PATIENCE_TURNS - 1; turn++) house.turn();
    expect(house.turn().slice(0, 3)).toEqual(["late", "call", "flood 0"]);
  });

  it("runs new calls before items out of patience", () => {
    const house = new House();
    flood(house, 100, Control);
    house.itemUs = 1_000;
    house.put("late", Background);
    for (let turn = 0; turn < PATIENCE_TURNS - 1; turn++) house.turn();
    house.put("call", NewCall);
    expect(house.turn()[0]).toBe("call");
  });
});

describe("EventCache steps", () => {
  it("runs a turn in parts, new calls first, and asks for a drain only when the turn is over and items are left", () => {
    const house = new House({ itemsPerTurn: 3 });
    for (const name of ["d1", "d2", "d3", "d4"]) house.put(name, Data);
    for (const name of ["n1", "n2"]) house.put(name, NewCall);
    expect(house.arms).toBe(1);
    expect(house.cache.drainStep(2)).toBe(true);
    expect(house.ran).toEqual(["n1", "n2"]);
    expect(house.cache.drainStep(2)).toBe(true);
    expect(house.cache.drainStep(2)).toBe(false);
    expect(house.ran).toEqual(["n1", "n2", "d1", "d2", "d3"]);
    expect([house.arms, house.cache.counters.turns]).toEqual([2, 1]);
  });

  it("takes what is put between two steps into the same turn, without asking for another", () => {
    const house = new House();
    house.putMany(2, Data);
    house.cache.drainStep(1);
    house.put("late", Control);
    expect(house.arms).toBe(1);
    expect(house.cache.drainStep(8)).toBe(false);
    expect(house.ran).toEqual(["0", "late", "1"]);
    expect([house.arms, house.cache.counters.turns]).toEqual([1, 1]);
  });

  it("is over with the step that runs the last item, and what comes then asks for a turn of its own", () => {
    const house = new House();
    house.putMany(2, Data);
    expect(house.cache.drainStep(2)).toBe(false);
    house.put("next", Data);
    expect([house.arms, house.cache.counters.turns]).toEqual([2, 1]);
    expect(house.turn()).toEqual(["next"]);
  });

  it("ends the turn when what was left has been withdrawn", () => {
    const house = new House();
    const [, second] = house.putMany(2, Data);
    expect(house.cache.drainStep(1)).toBe(true);
    house.cache.withdraw(second as Probe);
    expect(house.cache.drainStep(1)).toBe(false);
    house.put("next", Data);
    expect(house.arms).toBe(2);
  });
});
