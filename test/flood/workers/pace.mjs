// Does something so many times a second, in small bursts.

// Finer than a timer: arrivals a millisecond apart leave a handler idle between two of them.
const STEP_MS = 0.2;

const never = new Int32Array(new SharedArrayBuffer(4));

export class Pace {
  #rate;
  #burstMax;

  /**
   * @param {number} rate times a second; 0 = as fast as it can
   * @param {number} burstMax before the loop turns
   */
  constructor(rate, burstMax) {
    this.#rate = rate;
    this.#burstMax = burstMax;
  }

  /**
   * @param {number} seconds
   * @param {(count: number) => number} send does it so often, and tells how often it could
   * @returns {Promise<{ ok: number, failed: number, seconds: number, beginMs: number, endMs: number }>}
   */
  async run(seconds, send) {
    const begin = performance.now();
    let asked = 0;
    let ok = 0;
    for (;;) {
      const elapsed = performance.now() - begin;
      if (elapsed >= seconds * 1000) break;
      const due = this.#rate === 0 ? this.#burstMax : Math.floor((this.#rate * elapsed) / 1000) - asked;
      const count = Math.min(due, this.#burstMax);
      asked += count;
      if (count > 0) ok += send(count);
      if (this.#rate > 0 && due <= this.#burstMax) Atomics.wait(never, 0, 0, STEP_MS);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const end = performance.now();
    const { timeOrigin } = performance;
    return {
      ok,
      failed: asked - ok,
      seconds: (end - begin) / 1000,
      beginMs: timeOrigin + begin,
      endMs: timeOrigin + end,
    };
  }
}
