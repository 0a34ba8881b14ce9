import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FileQueue } from "../../../src/node/file-queue.js";
import { type BackendCall, FakeFileBackend, systemError, TestLoop } from "./fake-file-backend.js";

const IN_FLIGHT_MAX = 3;
// What the system has for us: fewer than openMax may be, and more.
const DESCRIPTORS = 4;

/** Calls that come and go, and a system that answers in any order; everything that both do is checked. */
class Model {
  readonly loop = new TestLoop();
  readonly backend = new FakeFileBackend();
  readonly queue: FileQueue;
  readonly #owners: object[] = [{}, {}, {}];
  /** Descriptors that were delivered and are open, with whose they are. */
  readonly #open = new Map<number, object>();
  readonly #systemOpen = new Set<number>();
  readonly #freeNumbers: number[] = [];
  /** Closes that the system has done and not answered: their numbers may be given away by then. */
  readonly #done = new Set<BackendCall>();
  #nextNumber = 3;
  asked = 0;
  ended = 0;

  constructor(openMax: number) {
    const { cache: events } = this.loop;
    this.queue = new FileQueue({
      events,
      backend: this.backend,
      inFlightMax: IN_FLIGHT_MAX,
      waitingMax: 12,
      openMax,
    });
  }

  get openCount(): number {
    return this.#open.size;
  }

  get systemOpenCount(): number {
    return this.#systemOpen.size;
  }

  open(at: number): void {
    const owner = this.#ownerAt(at);
    const end = this.#begin();
    this.queue.open(owner, "path", 0, 0, (cause, fd) => {
      end();
      if (cause === null) this.#open.set(fd, owner);
    });
  }

  stat(at: number): void {
    this.queue.stat(this.#ownerAt(at), "path", this.#begin());
  }

  transfer(at: number, isRead: boolean): void {
    const owner = this.#ownerAt(at);
    const fd = this.#filesOf(owner).at(-1);
    if (fd === undefined) return;
    if (isRead) this.queue.read(owner, fd, new Uint8Array(8), 0, 8, 0, this.#begin());
    else this.queue.write(owner, fd, new Uint8Array(8), 0, 8, 0, this.#begin());
  }

  close(at: number): void {
    const fd = this.#filesOf(this.#ownerAt(at))[0];
    if (fd !== undefined) this.#closeFile(fd);
  }

  /** A call ends, and another takes its place. */
  cancel(at: number): void {
    const owner = this.#ownerAt(at);
    this.queue.cancel(owner);
    for (const fd of this.#filesOf(owner)) this.#closeFile(fd);
    this.#owners[at % this.#owners.length] = {};
  }

  closeAll(): void {
    for (const fd of [...this.#open.keys()]) this.#closeFile(fd);
  }

  /** The system closes one without telling so yet. */
  closeInSystem(): void {
    const call = this.backend.pending.find((c) => c.name === "close" && !this.#done.has(c));
    if (call === undefined) return;
    const fd = call.args[0] as number;
    expect(this.#systemOpen.delete(fd), "closed once").toBe(true);
    this.#freeNumbers.push(fd);
    this.#done.add(call);
  }

  answer(at: number, size: number): void {
    const { pending } = this.backend;
    const call = pending[at % Math.max(pending.length, 1)];
    if (call === undefined) return;
    if (call.name === "close" && !this.#done.has(call)) this.closeInSystem();
    if (call.name === "close" && !this.#done.has(call)) return;
    pending.splice(pending.indexOf(call), 1);
    if (call.name === "open") this.#answerOpen(call, size);
    else if (call.name === "read" || call.name === "write") this.#answerTransfer(call, size);
    else call.answer(null, {});
  }

  /** Answers and delivers until there is nothing more to do. */
  rest(): void {
    this.loop.drain();
    while (this.backend.pending.length > 0) {
      this.answer(0, 8);
      this.loop.drain();
    }
  }

  #answerOpen(call: BackendCall, size: number): void {
    if (this.#systemOpen.size >= DESCRIPTORS) {
      call.answer(systemError("EMFILE"));
    } else if (size === 5) {
      call.answer(systemError("ENOENT"));
    } else {
      const fd = this.#freeNumbers.pop() ?? this.#nextNumber++;
      this.#systemOpen.add(fd);
      call.answer(null, fd);
    }
  }

  #answerTransfer(call: BackendCall, size: number): void {
    expect(this.#systemOpen.has(call.args[0] as number), "used while it is open").toBe(true);
    call.answer(null, Math.min(size, call.args[3] as number));
  }

  #closeFile(fd: number): void {
    this.#open.delete(fd);
    this.queue.closeDescriptor(fd, this.#begin());
  }

  #ownerAt(at: number): object {
    return this.#owners[at % this.#owners.length] as object;
  }

  #filesOf(owner: object): number[] {
    return [...this.#open.keys()].filter((fd) => this.#open.get(fd) === owner);
  }

  #begin(): () => void {
    this.asked++;
    let hasEnded = false;
    return () => {
      expect(hasEnded, "ended once").toBe(false);
      hasEnded = true;
      this.ended++;
    };
  }
}

const ACTIONS = [
  "open",
  "open",
  "transfer",
  "stat",
  "close",
  "answer",
  "answer",
  "drain",
  "cancel",
  "closed",
] as const;
type Action = readonly [what: (typeof ACTIONS)[number], at: number, size: number];

function act(model: Model, [what, at, size]: Action): void {
  if (what === "open") model.open(at);
  else if (what === "stat") model.stat(at);
  else if (what === "transfer") model.transfer(at, size % 2 === 0);
  else if (what === "close") model.close(at);
  else if (what === "answer") model.answer(at, size);
  else if (what === "drain") model.loop.drain();
  else if (what === "cancel") model.cancel(at);
  else model.closeInSystem();
}

describe("FileSchedule under any schedule", () => {
  it("ends everything once, uses no closed descriptor, forgets nobody and leaves nothing open", async () => {
    const action = fc.tuple(fc.constantFrom(...ACTIONS), fc.nat(20), fc.nat(8));
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 120 }),
        fc.integer({ min: 1, max: 6 }),
        async (actions, openMax) => {
          const model = new Model(openMax);
          const { counters } = model.queue;
          for (const one of actions) {
            act(model, one);
            expect(model.backend.pending.length).toBeLessThanOrEqual(IN_FLIGHT_MAX);
          }
          // Left alone it comes to rest; whoever waits then does so for a file that somebody holds open.
          model.rest();
          expect(model.asked - model.ended).toBe(counters.waiting);
          if (counters.waiting > 0) expect(model.openCount).toBeGreaterThan(0);
          while (model.openCount > 0) {
            model.closeAll();
            model.rest();
          }
          expect(model.loop.faults).toEqual([]);
          expect(model.ended).toBe(model.asked);
          expect(model.systemOpenCount).toBe(0);
          expect(counters).toMatchObject({ waiting: 0, inFlight: 0, openDescriptors: 0 });
          await model.queue.close();
        },
      ),
      { numRuns: 500 },
    );
  });

  it("comes to its end when it is closed at any moment", async () => {
    const action = fc.tuple(fc.constantFrom(...ACTIONS), fc.nat(20), fc.nat(8));
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const model = new Model(3);
        for (const one of actions) act(model, one);
        const closing = model.queue.close();
        model.rest();
        await closing;
        expect(model.ended).toBe(model.asked);
        expect(model.systemOpenCount).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
