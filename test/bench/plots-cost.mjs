// The plots of what a call costs: its latencies on a logarithmic axis, and the processor time of both sides.
import {
  dot,
  escapeText,
  frame,
  gridLine,
  LABEL_WIDTH,
  linearTicks,
  logTicks,
  round,
  WIDTH,
} from "./plots.mjs";
import { figure } from "./report-text.mjs";

const ROW_HEIGHT = 22;
const HEAD_HEIGHT = 30;

/**
 * A dot at the median, and a line from there to the 99 % and 99.9 % points.
 *
 * @param {readonly import("./results.mjs").RowResult[]} rows with a p99us
 * @returns {string}
 */
export function latencyPlot(rows) {
  const left = LABEL_WIDTH;
  const right = WIDTH - 190;
  const points = rows.flatMap(({ p50us, p99us, p999us }) => [p50us, p99us, p999us].filter((us) => us > 0));
  const ticks = logTicks(Math.min(...points), Math.max(...points));
  const start = Math.log(ticks[0] ?? 1);
  const span = Math.log(ticks.at(-1) ?? 10) - start || 1;
  /** @param {number} us */
  const x = (us) => round(left + ((right - left) * (Math.log(Math.max(us, 1)) - start)) / span);
  return grouped(
    rows,
    ticks.map((tick) => ({ at: x(tick), text: figure(tick) })),
    "us",
    (row, middle) => {
      const { p50us, p99us, p999us, program } = row;
      const far = p999us > 0 ? p999us : p99us;
      const text = [p50us, p99us, p999us]
        .filter((us) => us > 0)
        .map(figure)
        .join(" / ");
      return [
        `<g class="${program}">`,
        `<line class="reach" x1="${x(p99us)}" x2="${x(far)}" y1="${middle}" y2="${middle}"/>`,
        `<line class="interval" x1="${x(p50us)}" x2="${x(p99us)}" y1="${middle}" y2="${middle}"/>`,
        dot(x(p50us), middle, 4.5),
        `<text class="label" x="${x(far) + 9}" y="${middle + 4.5}">${escapeText(text)}</text></g>`,
      ];
    },
  );
}

/**
 * Server and client one behind the other.
 *
 * @param {readonly import("./results.mjs").RowResult[]} rows with a serverCpuUs
 * @returns {string}
 */
export function cpuPlot(rows) {
  const left = LABEL_WIDTH;
  const right = WIDTH - 150;
  const whole = rows.map(({ clientCpuUs, serverCpuUs }) => serverCpuUs + (clientCpuUs || 0));
  const ticks = linearTicks(Math.max(1, ...whole));
  const end = ticks.at(-1) ?? 1;
  /** @param {number} us */
  const x = (us) => round(left + ((right - left) * us) / end);
  return grouped(
    rows,
    ticks.map((tick) => ({ at: x(tick), text: figure(tick) })),
    "us",
    (row, middle) => {
      const { program, serverCpuUs, clientCpuUs } = row;
      const both = serverCpuUs + (clientCpuUs || 0);
      const top = middle - ROW_HEIGHT / 2 + 4;
      const height = ROW_HEIGHT - 8;
      return [
        `<g class="${program}">`,
        `<rect class="server" x="${left}" y="${top}" width="${round(x(serverCpuUs) - left)}" height="${height}"/>`,
        `<rect class="client" x="${x(serverCpuUs)}" y="${top}" width="${round(x(both) - x(serverCpuUs))}" height="${height}"/>`,
        `<text class="label" x="${x(both) + 7}" y="${middle + 4.5}">${figure(serverCpuUs)} + ${figure(clientCpuUs)}</text></g>`,
      ];
    },
  );
}

/**
 * Rows under the titles of their groups, over a grid.
 *
 * @param {readonly import("./results.mjs").RowResult[]} rows
 * @param {readonly { at: number, text: string }[]} ticks
 * @param {string} unit
 * @param {(row: import("./results.mjs").RowResult, middle: number) => string[]} draw
 */
function grouped(rows, ticks, unit, draw) {
  const body = [];
  let y = 4;
  let group = "";
  for (const row of rows) {
    if (row.group !== group) {
      group = row.group;
      y += HEAD_HEIGHT;
      body.push(`<text class="head" x="4" y="${y - 8}">${escapeText(row.title)}</text>`);
    }
    const middle = y + ROW_HEIGHT / 2;
    body.push(
      `<text class="tick" x="4" y="${middle + 4.5}">${escapeText(row.label)}</text>`,
      ...draw(row, middle),
    );
    y += ROW_HEIGHT;
  }
  return frame(y + 30, [
    ...ticks.map(({ at, text }) => gridLine(at, 8, y + 6, text)),
    ...body,
    `<text class="tick" text-anchor="end" x="${WIDTH - 4}" y="${y + 22}">${unit}</text>`,
  ]);
}
