// Waits for what will be so sooner or later. A test must not fail because the machine is busy: that something happens is
// the test's business, how soon is not.
import { vi } from "vitest";

// vitest's own default is 1 s, which one scheduling hiccup of a shared machine can use up. This is below every time limit
// of a test, so that a wait in vain is reported as the expectation that never held.
const LIMIT_MS = 20_000;
const INTERVAL_MS = 5;

/**
 * Repeats `check` until it does not throw.
 *
 * @returns what it returned then
 * @throws what it threw last, after 20 s
 */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: LIMIT_MS, interval: INTERVAL_MS });
}

/**
 * Waits until a number has not changed for 200 ms of a loop that turns. A busy machine can make this come early, so look at
 * what must not be exceeded afterwards, never at what must have been reached.
 */
export async function quiet(read: () => number): Promise<void> {
  for (let before = Number.NaN, same = 0; same < 10; ) {
    const now = read();
    same = now === before ? same + 1 : 0;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
