// Looks into the event cache: how many items are in it, and how many turns file completions and new calls wait.
import * as fs from "node:fs";
import { service } from "../../../../dist/index.js";
import { EventClass } from "../../../../dist/loop/event-cache.js";
import { FILE_READER_ID, NEW_CALL_ID } from "./service-ids.mjs";

const BLOCK_BYTES = 16 * 1024;
const OUT = -1;

export class LoopWatch {
  /** The most items that were in the cache at once. */
  itemsMax = 0;
  #events;
  #file;
  /** Turn in which the last read into these bytes came back. @type {WeakMap<Uint8Array, number>} */
  #arrivals = new WeakMap();
  /** Turn in which each new call was put in, by the handle that its handler works with. @type {WeakMap<object, number>} */
  #newCalls = new WeakMap();
  #reads = new Waits();
  #begins = new Waits();

  /**
   * @param {import("../../../../dist/loop/event-cache.js").EventCache} events
   * @param {string} file
   */
  constructor(events, file) {
    this.#events = events;
    this.#file = file;
    const put = events.put.bind(events);
    /** @type {typeof events.put} */
    events.put = (item, eventClass) => {
      if (eventClass === EventClass.NewCall && item.eventClass === OUT) {
        // The item of a new call is the core's call, which is owned by its handle.
        this.#newCalls.set(/** @type {any} */ (item).owner, events.counters.turns);
      }
      put(item, eventClass);
      if (events.count > this.itemsMax) this.itemsMax = events.count;
    };
  }

  /** `node:fs`, noting when a read comes back. */
  get backend() {
    /** @type {typeof fs.read} */
    const read = (fd, into, offset, length, position, done) =>
      fs.read(fd, into, offset, length, position, (cause, count) => {
        this.#arrivals.set(into, this.#events.counters.turns);
        done(cause, count);
      });
    return { ...fs, read };
  }

  get services() {
    return [
      service({
        id: FILE_READER_ID,
        name: "reads for ever",
        deadlineMs: 0,
        call: async (call) => {
          this.#noteBegin(call);
          const file = await call.files.open(this.#file);
          const into = new Uint8Array(BLOCK_BYTES);
          for (let at = 0; !call.isEnded; at += BLOCK_BYTES) {
            if ((await file.read(into, at)) < BLOCK_BYTES) at = -BLOCK_BYTES;
            const arrival = this.#arrivals.get(into);
            if (arrival === undefined) this.#reads.unseen++;
            else this.#reads.add(this.#events.counters.turns - arrival);
          }
        },
      }),
      service({
        id: NEW_CALL_ID,
        name: "new calls",
        call: async (call) => {
          this.#noteBegin(call);
          return call.readAll();
        },
      }),
    ];
  }

  begin() {
    this.#reads = new Waits();
    this.#begins = new Waits();
    this.itemsMax = 0;
    this.#events.counters.waitedMax = 0;
  }

  end() {
    return { reads: this.#reads, newCalls: this.#begins, itemsMax: this.itemsMax };
  }

  /** @param {any} call */
  #noteBegin(call) {
    const put = this.#newCalls.get(call.handle);
    if (put === undefined) this.#begins.unseen++;
    else this.#begins.add(this.#events.counters.turns - put);
  }
}

/** Turns waited: how many waits there were, the longest, and those whose beginning was not seen: then there is no figure. */
class Waits {
  count = 0;
  max = 0;
  unseen = 0;

  /** @param {number} turns */
  add(turns) {
    this.count++;
    this.max = Math.max(this.max, turns);
  }
}
