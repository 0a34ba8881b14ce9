// The results as one HTML page that needs nothing else: no script, no font, no image from outside.
import { escapeText, figuresPlot, ratiosPlot } from "./plots.mjs";
import { cpuPlot, latencyPlot } from "./plots-cost.mjs";
import { changesSection, ranSection, rowTable, troubles } from "./report-parts.mjs";
import { STYLE } from "./report-style.mjs";
import { barText, intervalText, loadWarning, ratioText, verdictOf } from "./report-text.mjs";

/** Plots of figures from zero. A section shows the rows that it takes, and none where there are none. */
const SECTIONS = [
  section("OpenAFS C client: calls", (row) => row.group.startsWith("c-") && row.unit === "calls/s"),
  section(
    "Node clients, and raw echoes: calls",
    (row) => row.group.startsWith("node-rpc") && row.unit === "calls/s",
  ),
  section("OpenAFS C client: bulk", (row) => row.group.startsWith("c-") && row.unit === "Mbit/s"),
  section("Node clients: bulk", (row) => row.group.startsWith("node-") && row.unit === "Mbit/s"),
  section("BUSY at full speed", (row) => row.unit === "replies/s"),
  section("Calls beside idle connections", (row) => row.unit === "us/call"),
  section("The core beside idle connections", (row) => row.unit === "ns"),
  section("Memory", (row) => row.unit === "bytes"),
];

/** @param {string} title @param {(row: import("./results.mjs").RowResult) => boolean} takes */
function section(title, takes) {
  return { title, takes };
}

/**
 * @param {import("./results.mjs").Results} results
 * @param {import("./compare.mjs").Changes} [changes]
 * @returns {string}
 */
export function renderPage(results, changes) {
  const { rows, comparisons, skipped, options, facts } = results;
  const bars = comparisons.filter(({ bar }) => bar !== undefined);
  const met = bars.filter(({ verdict }) => verdict?.met);
  const head = bars.length > 0 ? `${met.length} of ${bars.length} bars met` : "";
  const known = Object.entries(facts).map(([name, value]) => `${name}: ${value}`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rxrpc benchmark</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>rxrpc benchmark</h1>
<p class="lead">${escapeText([head, `${options.rounds} interleaved rounds`].filter(Boolean).join(" · "))}</p>
${machineList(results)}
${options.quick ? '<p class="warn">A quick run: it shows that everything works; its figures are rough.</p>' : ""}
${loadWarning(results.others) === "" ? "" : `<p class="warn">${escapeText(loadWarning(results.others))}</p>`}
</header>
${comparisons.length > 0 ? ratioSection(comparisons) : ""}
${changes ? changesSection(changes) : ""}
${SECTIONS.map(({ title, takes }) => figureSection(title, rows.filter(takes))).join("\n")}
${latencySection(rows, known)}
${cpuSection(rows)}
${rowTable(rows)}
${ranSection(results)}
${troubles(rows, skipped)}
<footer>
<p>In each round rows run one after the other, in an order shuffled anew (seed ${options.seed}); rows that are compared run next to
each other. Rows that no bar holds run in every third round. A warm-up round comes first and is dropped. A measurement lasts
${options.seconds} s, a bulk measurement moves ${options.mib} MiB. A ratio is the geometric mean of the ratios of paired rounds; its
interval is Student's t on their logarithms. Client and server are two processes on this machine, over 127.0.0.1. The raw echoes move
datagrams as long as those of the rpc, with no protocol at all.</p>
</footer>
</body>
</html>
`;
}

/** @param {import("./results.mjs").Results} results */
function machineList({ machine, startedAt, tookSeconds }) {
  /** @type {[string, string | undefined][]} */
  const lines = [
    ["When", startedAt.slice(0, 16).replace("T", " ").concat(" UTC")],
    ["Took", `${tookSeconds} s`],
    ["Processor", `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB`],
    ["System", machine.system],
    ["Node", machine.node],
    ["rxrpc", [machine.rxrpc, machine.commit].filter(Boolean).join(", ")],
    ["Native path", machine.native],
    ["OpenAFS", machine.openafs],
    ["grpc-js", machine.grpc],
    ["fastify, undici", [machine.fastify, machine.undici].filter(Boolean).join(", ")],
    ["Load before", machine.loadBefore.toFixed(2)],
  ];
  const shown = lines.filter(([, value]) => value !== undefined && value !== "");
  return `<dl>${shown.map(([name, value]) => `<div><dt>${name}</dt><dd>${escapeText(value ?? "")}</dd></div>`).join("")}</dl>`;
}

/** @param {readonly import("./results.mjs").ComparisonResult[]} comparisons */
function ratioSection(comparisons) {
  const rows = comparisons.map((one) => {
    const verdict = verdictOf(one);
    const cells = [
      `<td>${escapeText(one.title)}</td><td>${escapeText(one.belowLabel)}</td>`,
      `<td class="n">${ratioText(one)}</td><td class="n">${intervalText(one)}</td>`,
      `<td class="n">${one.interval.n}</td><td class="n">${escapeText(barText(one))}</td>`,
      `<td><span class="verdict ${verdict.kind}">${escapeText(verdict.text)}</span></td>`,
    ];
    return `<tr>${cells.join("")}</tr>`;
  });
  // A figure without anything below it is no ratio, and has another scale.
  const drawn = comparisons.filter(({ bar, belowLabel }) => bar !== undefined && belowLabel !== "");
  return `<section>
<h2>Ratios and bars</h2>
${
  drawn.length > 0
    ? `<p class="legend"><span class="key pass">bar met</span><span class="key miss">bar missed</span>
<span class="key goal">the bar</span><span>large dot and line: estimate and 95 % interval; small dots: single rounds</span></p>
<div class="scroll">${ratiosPlot(drawn)}</div>`
    : ""
}
<div class="scroll"><table>
<thead><tr><th>measured by</th><th>over</th><th class="n">ratio</th><th class="n">95 % interval</th><th class="n">pairs</th><th class="n">bar</th><th></th></tr></thead>
<tbody>${rows.join("\n")}</tbody>
</table></div>
</section>`;
}

/**
 * @param {string} title
 * @param {readonly import("./results.mjs").RowResult[]} rows
 */
function figureSection(title, rows) {
  if (rows.length === 0) return "";
  return `<section>
<h2>${escapeText(title)}</h2>
<p class="legend">${keys(rows)}<span>bar: median; line: quartiles; dots: rounds</span></p>
<div class="scroll">${figuresPlot(rows)}</div>
</section>`;
}

/**
 * @param {readonly import("./results.mjs").RowResult[]} rows
 * @param {readonly string[]} known
 */
function latencySection(rows, known) {
  const shown = rows.filter((row) => row.p99us > 0 && row.unit !== "us/call" && row.unit !== "replies/s");
  const paced = shown.filter((row) => row.unit === "us");
  const closed = shown.filter((row) => row.unit === "calls/s");
  if (shown.length === 0) return "";
  return `<section>
<h2>Latency</h2>
<p class="legend"><span>dot: half of the calls are faster; ends of the line: 99 % and 99.9 % of them</span></p>
${known.map((line) => `<p class="note">${escapeText(line)}</p>`).join("")}
${paced.length > 0 ? `<div class="scroll">${latencyPlot(paced)}</div>` : ""}
${closed.length > 0 ? `<details><summary>Closed loops, all rows</summary><div class="scroll">${latencyPlot(closed)}</div></details>` : ""}
</section>`;
}

/** @param {readonly import("./results.mjs").RowResult[]} rows */
function cpuSection(rows) {
  const shown = rows.filter((row) => row.unit === "calls/s" && row.serverCpuUs > 0);
  if (shown.length === 0) return "";
  return `<section>
<h2>Processor time of a call</h2>
<p class="legend">${keys(shown)}<span>full: server; pale: client; microseconds, user and system</span></p>
<div class="scroll">${cpuPlot(shown)}</div>
</section>`;
}

/** @param {readonly import("./results.mjs").RowResult[]} rows */
function keys(rows) {
  const labels = new Map(rows.map((row) => [`${row.program} ${row.label}`, row]));
  return [...labels.values()]
    .map(({ program, label }) => `<span class="key ${program}">${escapeText(label)}</span>`)
    .join("");
}
