// The event loop as the driver uses it, so that a simulation can stand in for the process's own.
import { type Scheduler, TimerScheduler } from "./clock.js";

export interface Loop extends Scheduler {
  /** Runs `run` when the current callback has ended, before anything else: process.nextTick. */
  tick(run: () => void): void;
  /** Runs `run` behind what promises have to do already: queueMicrotask. */
  microtask(run: () => void): void;
  /** Runs `run` in the next turn, after input and output had their part of this one: setImmediate. */
  turn(run: () => void): void;
}

/** The process's own. Timers do not keep it alive. */
export class NodeLoop extends TimerScheduler implements Loop {
  tick(run: () => void): void {
    process.nextTick(run);
  }

  microtask(run: () => void): void {
    queueMicrotask(run);
  }

  turn(run: () => void): void {
    setImmediate(run);
  }
}

/** Resolves in the next turn. */
export function nextTurn(loop: Loop): Promise<void> {
  return new Promise((resolve) => loop.turn(resolve));
}

/** Resolves `delayMs` from now. */
export function pause(loop: Loop, delayMs: number): Promise<void> {
  return new Promise((resolve) => void loop.after(delayMs * 1_000, resolve));
}
