// The tables of the page: all rows, what has changed, what ran, what went wrong.
import { escapeText } from "./plots.mjs";
import { figure, renderRan } from "./report-text.mjs";
import { UNITS } from "./units.mjs";

/** @param {readonly import("./results.mjs").RowResult[]} rows */
export function rowTable(rows) {
  const body = rows.map((row) => {
    const { median, low, high } = row.summary;
    const numbers = [
      `${figure(median)} ${row.unit}`,
      `${figure(low)} to ${figure(high)}`,
      figure(row.p50us),
      figure(row.p99us),
      figure(row.p999us),
      figure(row.clientCpuUs),
      figure(row.serverCpuUs),
      UNITS[row.unit].per,
    ];
    return `<tr><td>${escapeText(row.title)}</td><td><span class="key ${row.program}">${escapeText(row.label)}</span></td>${numbers.map((text) => `<td class="n">${escapeText(text)}</td>`).join("")}</tr>`;
  });
  const heads = [
    "median",
    "quartiles",
    "p50 µs",
    "p99 µs",
    "p99.9 µs",
    "client CPU µs",
    "server CPU µs",
    "for each",
  ];
  return `<section>
<h2>All rows</h2>
<div class="scroll"><table>
<thead><tr><th>work</th><th>by</th>${heads.map((text) => `<th class="n">${text}</th>`).join("")}</tr></thead>
<tbody>${body.join("\n")}</tbody>
</table></div>
<p class="note">Latencies are those of one call. Processor time is user and system together; a client tells its own, a server's is
what the system's scheduler has counted for all its threads.</p>
</section>`;
}

/** @param {import("./compare.mjs").Changes} changes */
export function changesSection({ path, startedAt, differences, rows, gone, fresh }) {
  const kinds = { better: "pass", worse: "miss", "within the spread": "none", "too few rounds": "none" };
  const body = rows.map((row) => {
    const numbers = [
      figure(row.before),
      `${figure(row.after)} ${row.unit}`,
      figure(row.ratio),
      figure(row.clientCpuRatio),
      figure(row.serverCpuRatio),
    ];
    return `<tr><td>${escapeText(row.name)}</td>${numbers.map((text) => `<td class="n">${escapeText(text)}</td>`).join("")}<td><span class="verdict ${kinds[row.verdict]}">${row.verdict}</span></td></tr>`;
  });
  const notes = [
    ...differences,
    ...(gone.length > 0 ? [`only then: ${gone.join(", ")}`] : []),
    ...(fresh.length > 0 ? [`only now: ${fresh.join(", ")}`] : []),
  ];
  return `<section>
<h2>Against an older run</h2>
<p class="note">${escapeText(path)}, ${escapeText(startedAt)}. More than the spread: the medians are further apart than the wider
interquartile range.</p>
${notes.map((note) => `<p class="note">${escapeText(note)}</p>`).join("")}
<div class="scroll"><table>
<thead><tr><th>row</th><th class="n">then</th><th class="n">now</th><th class="n">ratio</th><th class="n">client CPU</th><th class="n">server CPU</th><th></th></tr></thead>
<tbody>${body.join("\n")}</tbody>
</table></div>
</section>`;
}

/** @param {import("./results.mjs").Results} results */
export function ranSection(results) {
  return `<section><h2>What ran</h2><pre>${escapeText(renderRan(results))}</pre></section>`;
}

/**
 * @param {readonly import("./results.mjs").RowResult[]} rows
 * @param {readonly { name: string, why: string }[]} skipped
 */
export function troubles(rows, skipped) {
  const lines = [
    ...rows.flatMap(({ name, failures }) =>
      failures.map(({ round, failure }) => `${name}, round ${round}: failed: ${failure}`),
    ),
    ...skipped.map(({ name, why }) => `${name}: skipped: ${why}`),
  ];
  if (lines.length === 0) return "";
  return `<section><h2>Failed and skipped</h2><ul>${lines.map((line) => `<li>${escapeText(line)}</li>`).join("")}</ul></section>`;
}
