// The two plots of the page as SVG: figures of each row from zero, and ratios on a logarithmic axis. Colours
// come from the page's stylesheet by class name, so that a plot is right on a light and on a dark page.
import { figure, intervalText, ratioText, verdictOf } from "./report-text.mjs";

export const WIDTH = 900;
/** What stands to the left of the bars: the labels of rows. */
export const LABEL_WIDTH = 250;
const FONT = 13;

/**
 * Text for HTML and SVG.
 *
 * @param {string | number} text
 */
export function escapeText(text) {
  return String(text).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * Round steps that cover 0 to `max`: 1, 2 or 5 times a power of ten.
 *
 * @param {number} max above zero
 * @returns {number[]} from 0 to the first step at or above `max`
 */
export function linearTicks(max) {
  const rough = max / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  return Array.from({ length: Math.ceil(max / step) + 1 }, (_, index) => index * step);
}

/**
 * 1, 2 and 5 times the powers of ten that enclose a range.
 *
 * @param {number} min above zero
 * @param {number} max at least `min`
 * @returns {number[]}
 */
export function logTicks(min, max) {
  const all = [];
  for (let exponent = Math.floor(Math.log10(min)); exponent <= Math.ceil(Math.log10(max)); exponent++) {
    for (const factor of [1, 2, 5]) all.push(factor * 10 ** exponent);
  }
  const first = Math.max(
    0,
    all.findLastIndex((tick) => tick <= min),
  );
  const last = all.findIndex((tick) => tick >= max);
  return all.slice(first, (last < 0 ? all.length - 1 : last) + 1);
}

/**
 * Medians as bars from zero, a dot for each round, a line from the first to the third quartile.
 *
 * @param {readonly import("./results.mjs").RowResult[]} rows of one unit, rows of one group together
 * @returns {string}
 */
export function figuresPlot(rows) {
  const left = LABEL_WIDTH;
  const right = WIDTH - 150;
  const rowHeight = 24;
  const headHeight = 32;
  const ticks = linearTicks(Math.max(1, ...rows.flatMap((row) => row.rounds.map(({ value }) => value))));
  const end = ticks.at(-1) ?? 1;
  /** @param {number} value */
  const x = (value) => round(left + ((right - left) * value) / end);
  const body = [];
  let y = 4;
  let group = "";
  for (const row of rows) {
    if (row.group !== group) {
      group = row.group;
      y += headHeight;
      body.push(`<text class="head" x="4" y="${y - 10}">${escapeText(row.title)}</text>`);
    }
    const middle = y + rowHeight / 2;
    const { median, low, high, n } = row.summary;
    const label = n === 0 ? "no figure" : `${figure(median)} ${row.unit}`;
    body.push(
      `<text class="tick" x="4" y="${middle + 4.5}">${escapeText(row.label)}</text>`,
      `<g class="${row.program}"><title>${escapeText(`${row.label}: ${label}`)}</title>`,
    );
    if (n > 0) {
      body.push(
        `<rect class="bar" x="${left}" y="${y + 3}" width="${round(x(median) - left)}" height="${rowHeight - 6}" rx="2"/>`,
        `<line class="range" x1="${x(low)}" x2="${x(high)}" y1="${middle}" y2="${middle}"/>`,
        ...row.rounds.map(({ value }, index) => dot(x(value), middle + jitter(index, 5), 2.6)),
      );
    }
    const labelX = n === 0 ? left : x(row.summary.max) + 9;
    body.push(`<text class="label" x="${labelX}" y="${middle + 4.5}">${escapeText(label)}</text></g>`);
    y += rowHeight;
  }
  const unit = rows[0]?.unit ?? "";
  return frame(y + 30, [
    ...ticks.map((tick) => gridLine(x(tick), 8, y + 6, figure(tick))),
    ...body,
    `<text class="tick" text-anchor="end" x="${WIDTH - 4}" y="${y + 22}">${unit}</text>`,
  ]);
}

/**
 * Ratios with their interval, a faint dot for each round, and the bar to reach as an upright stroke.
 *
 * @param {readonly import("./results.mjs").ComparisonResult[]} comparisons
 * @returns {string}
 */
export function ratiosPlot(comparisons) {
  const left = 350;
  const right = WIDTH - 150;
  const rowHeight = 32;
  const values = comparisons.flatMap(({ ratios, bar, interval: { low, high } }) => [
    ...ratios.map(({ ratio }) => ratio),
    // An interval of two or three rounds can be boundless; it then ends at the edge of the plot.
    ...(Number.isNaN(low) ? [] : [Math.max(low, 0.05), Math.min(high, 50)]),
    ...(bar === undefined ? [] : [bar]),
  ]);
  const ticks = logTicks(Math.min(1, ...values) * 0.97, Math.max(1, ...values) * 1.03);
  const start = Math.log(ticks[0] ?? 0.1);
  const span = Math.log(ticks.at(-1) ?? 10) - start;
  /** @param {number} ratio */
  const x = (ratio) =>
    round(left + (right - left) * Math.min(1, Math.max(0, (Math.log(ratio) - start) / span)));
  const height = comparisons.length * rowHeight + 12;
  const body = comparisons.flatMap((one, index) => {
    const middle = 10 + index * rowHeight + rowHeight / 2;
    const { estimate, low, high, n } = one.interval;
    const verdict = verdictOf(one);
    const parts = [
      `<text class="label" x="4" y="${middle - 2}">${escapeText(one.title)}</text>`,
      `<text class="tick" x="4" y="${middle + 12}">over ${escapeText(one.belowLabel)}</text>`,
    ];
    if (n > 0) {
      const told = `${one.title}, over ${one.belowLabel}: ${estimate.toFixed(3)}, 95 % ${intervalText(one)}`;
      parts.push(`<g class="${verdict.kind}"><title>${escapeText(told)}</title>`);
      parts.push(...one.ratios.map(({ ratio }, i) => dot(x(ratio), middle + jitter(i, 8), 2.6)));
      if (!Number.isNaN(low)) {
        parts.push(`<line class="interval" x1="${x(low)}" x2="${x(high)}" y1="${middle}" y2="${middle}"/>`);
      }
      parts.push(`<circle class="estimate" cx="${x(estimate)}" cy="${middle}" r="5"/></g>`);
    }
    if (one.bar !== undefined) {
      const at = x(one.bar);
      parts.push(`<line class="goal" x1="${at}" x2="${at}" y1="${middle - 12}" y2="${middle + 12}"/>`);
    }
    const mark =
      one.bar === undefined ? "" : ` ${estimate < one.bar ? "<" : estimate > one.bar ? ">" : "="} ${one.bar}`;
    const text = n > 0 ? `${ratioText(one)}${mark}` : "no figure";
    parts.push(
      `<text class="label ${verdict.kind}" x="${right + 14}" y="${middle + 4}">${escapeText(text)}</text>`,
    );
    return parts;
  });
  const one = x(1);
  return frame(height + 30, [
    ...ticks.map((tick) => gridLine(x(tick), 8, height, String(Number(tick.toPrecision(2))))),
    `<line class="unity" x1="${one}" x2="${one}" y1="8" y2="${height}"/>`,
    ...body,
  ]);
}

/**
 * @param {number} height
 * @param {string[]} parts
 */
export function frame(height, parts) {
  return `<svg viewBox="0 0 ${WIDTH} ${Math.ceil(height)}" font-size="${FONT}" role="img">${parts.join("")}</svg>`;
}

/**
 * @param {number} x
 * @param {number} top
 * @param {number} bottom
 * @param {string} text
 */
export function gridLine(x, top, bottom, text) {
  return (
    `<line class="grid" x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/>` +
    `<text class="tick" text-anchor="middle" x="${x}" y="${bottom + 16}">${escapeText(text)}</text>`
  );
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 */
export function dot(x, y, radius) {
  return `<circle class="dot" cx="${x}" cy="${round(y)}" r="${radius}"/>`;
}

/**
 * A fixed zigzag, so that equal rounds do not hide each other.
 *
 * @param {number} index
 * @param {number} reach
 */
function jitter(index, reach) {
  return (((index * 3) % 5) - 2) * (reach / 2);
}

/** @param {number} value */
export function round(value) {
  return Math.round(value * 10) / 10;
}
