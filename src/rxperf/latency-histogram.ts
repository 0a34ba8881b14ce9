// Latencies in fixed memory: counting one costs a few operations and no allocation.

// 64 steps for each power of two: a value is known to 1.6 %.
const STEP_BITS = 6;
const STEPS = 1 << STEP_BITS;
const VALUE_MAX = 0x7fff_ffff;
const CELLS = (32 - STEP_BITS) * STEPS;

// Sum and maximum stand in cells, where a number is not boxed.
const SUM = 0;
const MAX = 1;

/** Counts microseconds, up to 35 minutes each. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(CELLS);
  readonly #cells = new Float64Array(2);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The largest, exact. */
  get maxUs(): number {
    return this.#cells[MAX] as number;
  }

  /** 0 when nothing has been counted. */
  get meanUs(): number {
    return this.#count === 0 ? 0 : (this.#cells[SUM] as number) / this.#count;
  }

  /** Counts one; less than 0 is 0, as a clock may have it. */
  add(us: number): void {
    const value = us < 0 ? 0 : us > VALUE_MAX ? VALUE_MAX : us | 0;
    const cell = cellOf(value);
    this.#counts[cell] = (this.#counts[cell] as number) + 1;
    this.#cells[SUM] = (this.#cells[SUM] as number) + value;
    if (value > (this.#cells[MAX] as number)) this.#cells[MAX] = value;
    this.#count++;
  }

  /** The smallest value that at least `fraction` of all do not exceed, rounded up by at most 1.6 %. */
  quantileUs(fraction: number): number {
    const wanted = Math.max(1, Math.ceil(this.#count * fraction));
    let seen = 0;
    for (let cell = 0; cell < CELLS; cell++) {
      seen += this.#counts[cell] as number;
      if (seen >= wanted) return Math.min(highestOf(cell), this.maxUs);
    }
    return 0;
  }
}

// Below 64 a cell for each value; above, 64 cells from each power of two to the next.
function cellOf(value: number): number {
  if (value < STEPS) return value;
  const shift = 31 - Math.clz32(value) - STEP_BITS;
  return (shift << STEP_BITS) + (value >>> shift);
}

function highestOf(cell: number): number {
  if (cell < STEPS) return cell;
  const shift = (cell >> STEP_BITS) - 1;
  return ((cell & (STEPS - 1)) + STEPS + 1) * 2 ** shift - 1;
}
