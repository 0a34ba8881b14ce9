// What the benchmark says about its samples: medians, spreads, and ratios of paired rounds with their
// 95 % interval. No I/O and no clock; the only randomness is the seeded generator below.

/**
 * A small seeded generator (mulberry32), so that the order of a run can be repeated.
 *
 * @param {number} seed any 32-bit integer
 * @returns {() => number} numbers from 0 up to, not including, 1
 */
export function seededRandom(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * A copy of `items` in random order (Fisher-Yates).
 *
 * @template T
 * @param {readonly T[]} items
 * @param {() => number} random
 * @returns {T[]}
 */
export function shuffled(items, random) {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const held = /** @type {T} */ (copy[i]);
    copy[i] = /** @type {T} */ (copy[j]);
    copy[j] = held;
  }
  return copy;
}

/**
 * The quantile of a sample, interpolated between its order statistics (type 7 of Hyndman and Fan).
 *
 * @param {readonly number[]} values in any order
 * @param {number} q 0 to 1
 * @returns {number} NaN for an empty sample
 */
export function quantile(values, q) {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = Math.floor(position);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN;
  return low + (high - low) * (position - below);
}

/**
 * @typedef {object} Summary
 * @property {number} n
 * @property {number} median
 * @property {number} low first quartile
 * @property {number} high third quartile
 * @property {number} min
 * @property {number} max
 * @property {number} spread interquartile range as a part of the median
 */

/**
 * @param {readonly number[]} values
 * @returns {Summary} every number is NaN when there are no values
 */
export function summarize(values) {
  const median = quantile(values, 0.5);
  const low = quantile(values, 0.25);
  const high = quantile(values, 0.75);
  return {
    n: values.length,
    median,
    low,
    high,
    min: quantile(values, 0),
    max: quantile(values, 1),
    spread: (high - low) / median,
  };
}

/**
 * The ratios of the rounds in which both sides have a value.
 *
 * @param {ReadonlyMap<number, number>} above value by round
 * @param {ReadonlyMap<number, number>} below value by round
 * @returns {{ round: number, ratio: number }[]} in the order of the rounds
 */
export function pairedRatios(above, below) {
  const ratios = [];
  for (const [round, value] of above) {
    const other = below.get(round);
    if (other !== undefined && value > 0 && other > 0) ratios.push({ round, ratio: value / other });
  }
  return ratios.sort((a, b) => a.round - b.round);
}

/**
 * @typedef {object} Interval
 * @property {number} n
 * @property {number} estimate geometric mean
 * @property {number} low NaN with fewer than two ratios
 * @property {number} high NaN with fewer than two ratios
 */

/**
 * The geometric mean of ratios and its 95 % interval: Student's t on their logarithms. On the
 * logarithms, because a ratio and its inverse must tell the same story; Student's t and not a
 * bootstrap, because the bootstrap of five to ten rounds gives intervals that are too narrow.
 *
 * @param {readonly number[]} ratios above zero
 * @returns {Interval}
 */
export function ratioInterval(ratios) {
  const n = ratios.length;
  if (n === 0) return { n, estimate: Number.NaN, low: Number.NaN, high: Number.NaN };
  const logs = ratios.map((ratio) => Math.log(ratio));
  const mean = logs.reduce((sum, value) => sum + value, 0) / n;
  const estimate = Math.exp(mean);
  if (n === 1) return { n, estimate, low: Number.NaN, high: Number.NaN };
  const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = studentT975(n - 1) * Math.sqrt(variance / n);
  return { n, estimate, low: Math.exp(mean - half), high: Math.exp(mean + half) };
}

/**
 * How an interval stands to a bar.
 *
 * @param {Interval} interval
 * @param {number} bar
 * @param {boolean} [isCeiling] the bar is not to be exceeded; otherwise it has to be reached
 * @returns {{ met: boolean, certain: boolean } | undefined} `met` by the estimate; `certain` when the
 *   whole interval is on that side; undefined without an estimate
 */
export function judge(interval, bar, isCeiling = false) {
  const { estimate, low, high } = interval;
  if (Number.isNaN(estimate)) return undefined;
  if (isCeiling) {
    const met = estimate <= bar;
    return { met, certain: met ? high <= bar : low > bar };
  }
  const met = estimate >= bar;
  return { met, certain: met ? low >= bar : high < bar };
}

// Student's t, 97.5 %, for 1 to 30 degrees of freedom.
const T_975 = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604,
  2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555,
  2.0518, 2.0484, 2.0452, 2.0423,
];

/**
 * The 97.5 % point of Student's t.
 *
 * @param {number} freedom degrees of freedom, 1 or more
 * @returns {number} within 0.001 of the true value
 */
export function studentT975(freedom) {
  const z = 1.959964;
  // Beyond the table the first two terms of Fisher's expansion are near enough.
  return (
    T_975[freedom - 1] ??
    z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
  );
}
