// Every change of a call's state, checked against a table of its own and counted: O10, and what a run has exercised.
import { type Call, CallState } from "../../src/core/call-object.js";
import type { ObjectPool } from "../../src/memory/object-pool.js";
import { Violation } from "./checkers.js";

/** From each state, the states that may follow (rx-behaviour.md section 3), written down a second time on purpose. */
const ALLOWED: Readonly<Record<keyof typeof CallState, readonly (keyof typeof CallState)[]>> = {
  Spare: ["ServerPrealloc", "ClientAwaitConn"],
  ClientAwaitConn: ["ClientSendRequest", "Complete"],
  ClientSendRequest: ["ClientAwaitReply", "ClientRecvReply", "Complete"],
  ClientAwaitReply: ["ClientRecvReply", "Complete"],
  ClientRecvReply: ["Complete"],
  ServerPrealloc: ["ServerRecvRequest", "Spare"],
  ServerRecvRequest: ["ServerAckRequest", "Complete"],
  ServerAckRequest: ["ServerSendReply", "Complete"],
  ServerSendReply: ["ServerAwaitAck", "Complete"],
  ServerAwaitAck: ["Complete"],
  Complete: ["Spare"],
};

const NAMES = Object.keys(CallState) as (keyof typeof CallState)[];
const COUNT = NAMES.length;

/** Every step that the table allows, as `From -> To`. */
export const ALL_STEPS: readonly string[] = NAMES.flatMap((from) =>
  ALLOWED[from].map((to) => `${from} -> ${to}`),
);

interface Watched {
  watchedState: CallState;
  watch: StateWatch;
}

// One getter and one setter for all calls, so that they keep one shape.
const DESCRIPTOR: PropertyDescriptor & ThisType<Watched> = {
  configurable: true,
  enumerable: true,
  get() {
    return this.watchedState;
  },
  set(next: CallState) {
    this.watch.note(this.watchedState, next);
    this.watchedState = next;
  },
};

/** The state changes of all calls of a run. */
export class StateWatch {
  readonly #counts = new Float64Array(COUNT * COUNT);

  /** Watches every call that is taken from this pool from here on. */
  watch(calls: ObjectPool<Call>): void {
    const take = calls.take.bind(calls);
    calls.take = () => {
      const call = take();
      if (call !== null && !("watch" in call)) {
        const watched: Watched = Object.assign(call, { watchedState: call.state, watch: this });
        Object.defineProperty(watched, "state", DESCRIPTOR);
      }
      return call;
    };
  }

  note(from: CallState, to: CallState): void {
    // A call that is given back is reset, whatever it was.
    if (from === to) return;
    const at = from * COUNT + to;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    const [fromName, toName] = [nameOf(from), nameOf(to)];
    if (!ALLOWED[fromName].includes(toName))
      throw new Violation("O10", `a call goes from ${fromName} to ${toName}`);
  }

  /** How often each step was taken, by its name. */
  steps(): Record<string, number> {
    const taken: Record<string, number> = {};
    for (let at = 0; at < this.#counts.length; at++) {
      const count = this.#counts[at] as number;
      if (count > 0)
        taken[`${nameOf(Math.floor(at / COUNT) as CallState)} -> ${nameOf((at % COUNT) as CallState)}`] =
          count;
    }
    return taken;
  }
}

function nameOf(state: CallState): keyof typeof CallState {
  return NAMES[state] as keyof typeof CallState;
}
