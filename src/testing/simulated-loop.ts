// An event loop in virtual time: ticks, turns and timers of everything in a simulation, in an order that does not depend on
// the machine. Promises run on the engine's own queue of microtasks, which is drained before time goes on.
import type { Loop } from "../transport/loop.js";
import type { SimulatedNetwork } from "../transport/simulated-network.js";

// A turn that asks for more ticks and turns than this goes round in a circle at one instant.
const CALLBACKS_MAX = 1_000_000;

export class SimulatedLoop implements Loop {
  readonly #network: SimulatedNetwork;
  #ticks: (() => void)[] = [];
  #turns: (() => void)[] = [];

  /** @param network keeps the time, and the timers beside its datagrams */
  constructor(network: SimulatedNetwork) {
    this.#network = network;
  }

  nowUs(): number {
    return this.#network.nowUs();
  }

  after(delayUs: number, run: () => void): () => void {
    return this.#network.after(delayUs, run);
  }

  tick(run: () => void): void {
    this.#ticks.push(run);
  }

  microtask(run: () => void): void {
    queueMicrotask(run);
  }

  turn(run: () => void): void {
    this.#turns.push(run);
  }

  /** Whether something wants to run before time goes on. */
  get isBusy(): boolean {
    return this.#ticks.length > 0 || this.#turns.length > 0;
  }

  /** Lets everything happen that happens at this instant. @throws Error when that has no end */
  async settle(): Promise<void> {
    await this.#runTicks();
    for (let turns = 0; this.#turns.length > 0; turns++) {
      if (turns > CALLBACKS_MAX) throw new Error("the simulation does not come to rest");
      const batch = this.#turns;
      this.#turns = [];
      for (const run of batch) {
        run();
        await this.#runTicks();
      }
    }
  }

  // As Node does: all ticks, all microtasks, until neither is left.
  async #runTicks(): Promise<void> {
    let ran = 0;
    do {
      const ticks = this.#ticks;
      this.#ticks = [];
      for (const run of ticks) run();
      ran += ticks.length;
      if (ran > CALLBACKS_MAX) throw new Error("the simulation does not come to rest");
      // An immediate of the process comes after every microtask.
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#ticks.length > 0);
  }
}
