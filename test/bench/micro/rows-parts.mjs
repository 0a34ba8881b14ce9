// Rows about the parts below the protocol: ring, heap of deadlines, event cache, buffer pool.
import { EventCache, EventItem } from "../../../dist/loop/event-cache.js";
import { BufferPool } from "../../../dist/memory/buffer-pool.js";
import { DeadlineHeap } from "../../../dist/util/deadline-heap.js";
import { Ring } from "../../../dist/util/ring.js";
import { seededRandom } from "../statistics.mjs";
import { line, ns, timeWithoutGarbage } from "./stage.mjs";

const TIMERS_RATIO_MAX = 1.5;
const FEW_TIMERS = 100;
const MANY_TIMERS = 100_000;
// Deadlines of calls: ACK delay, retransmission, keepalive, silence. Microseconds.
const DELAYS_US = [100_000, 210_000, 2_000_000, 20_000_000];
// What an echo asks of the heap at each end: counted, `advance()` where it changes nothing aside.
const USE_OF_A_CALL = [1, 1, 0.01];
const DRAWS = 4_096;
const ITEMS = 64;

function ring() {
  const items = Array.from({ length: 32 }, (_, i) => ({ i }));
  const some = new Ring(32);
  for (let i = 0; i < 16; i++) some.push(items[i]);
  return (count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      some.push(items[i & 31]);
      sum ^= some.shift().i;
    }
    return sum;
  };
}

/** A heap of deadlines in use: every slot but the last has one. */
class Timers {
  heap;
  spare;
  random = seededRandom(1);
  /** [now, deadline] */
  times = new Float64Array([2 ** 33, 0]);
  delays = Float64Array.from({ length: DRAWS }, () => this.#drawDelay());
  slots;

  /** @param {number} count */
  constructor(count) {
    this.heap = new DeadlineHeap(count + 1);
    this.spare = count;
    this.slots = Int32Array.from({ length: DRAWS }, () => Math.floor(this.random() * count));
    for (let slot = 0; slot < count; slot++) {
      this.times[1] = this.times[0] + this.#drawDelay() * this.random();
      this.heap.set(slot, this.times, 1);
    }
  }

  #drawDelay() {
    return DELAYS_US[Math.floor(this.random() * DELAYS_US.length)];
  }
}

/** @param {number} timers */
function setTimers(timers) {
  const { heap, spare, times, delays } = new Timers(timers);
  return (count) => {
    for (let i = 0; i < count; i++) {
      times[1] = times[0] + delays[i & (DRAWS - 1)];
      heap.set(spare, times, 1);
      heap.remove(spare);
    }
    return heap.count;
  };
}

/** @param {number} timers */
function moveTimers(timers) {
  const { heap, slots, times, delays } = new Timers(timers);
  return (count) => {
    for (let i = 0; i < count; i++) {
      times[1] = times[0] + delays[i & (DRAWS - 1)];
      heap.set(slots[(i * 7) & (DRAWS - 1)], times, 1);
    }
    return heap.peek();
  };
}

/** @param {number} timers */
function expireTimers(timers) {
  const { heap, times, delays } = new Timers(timers);
  return (count) => {
    for (let i = 0; i < count; i++) {
      heap.peekKey(times, 0);
      times[1] = times[0] + delays[i & (DRAWS - 1)];
      if (heap.isDue(times, 0)) heap.set(heap.peek(), times, 1);
    }
    return heap.peek();
  };
}

/** @param {import("./stage.mjs").Stage} stage */
async function timers(stage) {
  const kinds = [
    ["set and take out", setTimers],
    ["move", moveTimers],
    ["expire and set again", expireTimers],
  ];
  const cases = kinds.flatMap(([name, make]) =>
    [FEW_TIMERS, MANY_TIMERS].map((among) => ({ name: `${name}, of ${among}`, run: make(among) })),
  );
  const timings = await stage.time(cases);
  const sumOf = (first, weights = [1, 1, 1]) =>
    weights.reduce((sum, weight, kind) => sum + weight * timings[2 * kind + first].median, 0);
  const ratio = sumOf(1) / sumOf(0);
  const ratioOfUse = sumOf(1, USE_OF_A_CALL) / sumOf(0, USE_OF_A_CALL);
  const ratioOf = (i) => timings[i | 1].median / timings[i & ~1].median;
  return {
    passed: ratioOfUse <= TIMERS_RATIO_MAX,
    figure: `${ratioOfUse.toFixed(2)} (${ns(sumOf(0, USE_OF_A_CALL))}, ${ns(sumOf(1, USE_OF_A_CALL))})`,
    notes: [
      ...timings.map((timing, i) =>
        i % 2 === 0 ? line(timing) : `${line(timing)}: ${ratioOf(i).toFixed(2)}`,
      ),
      `told and not held: each of the three as often as the others, ${ratio.toFixed(2)}; a heap's cost of expiry grows with its depth`,
    ],
    values: { ratio, ratioOfUse, timings },
  };
}

class Item extends EventItem {
  static ran = 0;
  runEvent() {
    Item.ran = (Item.ran + 1) & 0xffff;
  }
}

function eventCache() {
  const events = new EventCache({
    nowUs: () => 0,
    arm: () => undefined,
    onFault: (cause) => {
      throw cause;
    },
  });
  const items = Array.from({ length: ITEMS }, () => new Item());
  return (count) => {
    for (let done = 0; done < count; done += ITEMS) {
      for (let i = 0; i < ITEMS; i++) events.put(items[i], i & 3);
      events.drain();
    }
    return Item.ran;
  };
}

function buffers() {
  const pool = new BufferPool(4_096, 1_500);
  const held = new Int32Array(32);
  return (count) => {
    for (let done = 0; done < count; done += held.length) {
      for (let i = 0; i < held.length; i++) held[i] = pool.take();
      for (let i = 0; i < held.length; i++) pool.give(held[i]);
    }
    return pool.free;
  };
}

/** @type {Record<string, (stage: import("./stage.mjs").Stage) => Promise<import("../memory/report.mjs").Finding>>} */
export const rows = {
  ring: (stage) => timeWithoutGarbage(stage, [{ name: "push and shift", run: ring() }]),
  timers,
  "event-cache": (stage) => timeWithoutGarbage(stage, [{ name: "put and run", run: eventCache() }]),
  buffers: (stage) => timeWithoutGarbage(stage, [{ name: "take and give", run: buffers() }]),
};
