// The results as one HTML page that needs nothing else: no script, no font, no image from outside.
import { escapeText, figuresPlot, ratiosPlot } from "./plots.mjs";
import { figure, intervalText, verdictOf } from "./report-text.mjs";
import { PROGRAM_TITLES } from "./rows.mjs";

const SECTIONS = [
  { title: "OpenAFS C client: calls", prefix: "c-", unit: "calls/s" },
  { title: "OpenAFS C client: bulk", prefix: "c-", unit: "Mbit/s" },
  { title: "Node at both ends: calls", prefix: "node-", unit: "calls/s" },
  { title: "Node at both ends: bulk", prefix: "node-", unit: "Mbit/s" },
];

/**
 * @param {import("./results.mjs").Results} results
 * @returns {string}
 */
export function renderPage(results) {
  const { rows, comparisons, skipped, options } = results;
  const bars = comparisons.filter(({ bar }) => bar !== undefined);
  const met = bars.filter(({ verdict }) => verdict?.met);
  const head = bars.length > 0 ? `${met.length} of ${bars.length} bars met` : "";
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
</header>
${comparisons.length > 0 ? ratioSection(comparisons) : ""}
${SECTIONS.map(({ title, prefix, unit }) =>
  figureSection(
    title,
    rows.filter((row) => row.group.startsWith(prefix) && row.unit === unit),
  ),
).join("\n")}
${rowTable(rows)}
${troubles(rows, skipped)}
<footer>
<p>In each round every row runs once, in an order shuffled anew (seed ${options.seed}); rows that are compared run next to each
other. A warm-up round comes first and is dropped. An rpc measurement lasts ${options.seconds} s, a bulk measurement moves
${options.mib} MiB in one call. A ratio is the geometric mean of the ratios of paired rounds; its interval is Student's t on
their logarithms. Client and server are two processes on this machine, over 127.0.0.1. The raw echo moves datagrams as long as
those of the 128-byte rpc, with no protocol at all.</p>
</footer>
</body>
</html>
`;
}

/** @param {import("./results.mjs").Results} results */
function machineList({ machine, startedAt }) {
  const lines = [
    ["When", startedAt.slice(0, 16).replace("T", " ").concat(" UTC")],
    ["Processor", `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB`],
    ["System", machine.system],
    ["Node", machine.node],
    ["rxrpc", [machine.rxrpc, machine.commit].filter(Boolean).join(", ")],
    ["OpenAFS", machine.openafs],
    ["grpc-js", machine.grpc],
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
      `<td>${escapeText(one.title)}</td><td>${escapeText(one.belowTitle)}</td>`,
      `<td class="n">${figureRatio(one.interval.estimate)}</td><td class="n">${intervalText(one.interval)}</td>`,
      `<td class="n">${one.interval.n}</td><td class="n">${one.bar === undefined ? "" : one.bar.toFixed(2)}</td>`,
      `<td><span class="verdict ${verdict.kind}">${escapeText(verdict.text)}</span></td>`,
    ];
    return `<tr>${cells.join("")}</tr>`;
  });
  return `<section>
<h2>Ratios and bars</h2>
<p class="legend"><span class="key pass">at or above its bar</span><span class="key miss">below its bar</span>
<span class="key none">no bar</span><span class="key goal">the bar</span><span>large dot and line: estimate and 95 % interval;
small dots: single rounds</span></p>
<div class="scroll">${ratiosPlot(comparisons)}</div>
<div class="scroll"><table>
<thead><tr><th>rxrpc, measured by</th><th>over</th><th class="n">ratio</th><th class="n">95 % interval</th><th class="n">pairs</th><th class="n">bar</th><th></th></tr></thead>
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
  const programs = [...new Set(rows.map((row) => row.program))];
  const keys = programs.map((name) => `<span class="key ${name}">${escapeText(PROGRAM_TITLES[name])}</span>`);
  return `<section>
<h2>${escapeText(title)}</h2>
<p class="legend">${keys.join("")}<span>bar: median; line: quartiles; dots: rounds</span></p>
<div class="scroll">${figuresPlot(rows)}</div>
</section>`;
}

/** @param {readonly import("./results.mjs").RowResult[]} rows */
function rowTable(rows) {
  const body = rows.map((row) => {
    const { median, low, high } = row.summary;
    const numbers = [
      `${figure(median)} ${row.unit}`,
      `${figure(low)} to ${figure(high)}`,
      figure(row.p50us),
      figure(row.p99us),
      figure(row.clientCpuUs),
      figure(row.serverCpuUs),
    ];
    return `<tr><td>${escapeText(row.title)}</td><td><span class="key ${row.program}">${escapeText(row.programTitle)}</span></td>${numbers.map((text) => `<td class="n">${escapeText(text)}</td>`).join("")}</tr>`;
  });
  return `<section>
<h2>All rows</h2>
<div class="scroll"><table>
<thead><tr><th>work</th><th>server</th><th class="n">median</th><th class="n">quartiles</th><th class="n">p50 µs</th><th class="n">p99 µs</th><th class="n">client CPU µs</th><th class="n">server CPU µs</th></tr></thead>
<tbody>${body.join("\n")}</tbody>
</table></div>
<p class="note">Latencies are those of one call. Processor time is user and system together, for each call, or for each MiB in
bulk rows; that of a server is read from /proc in steps of 10 ms.</p>
</section>`;
}

/**
 * @param {readonly import("./results.mjs").RowResult[]} rows
 * @param {readonly { name: string, why: string }[]} skipped
 */
function troubles(rows, skipped) {
  const lines = [
    ...rows.flatMap(({ name, failures }) =>
      failures.map(({ round, failure }) => `${name}, round ${round}: failed: ${failure}`),
    ),
    ...skipped.map(({ name, why }) => `${name}: skipped: ${why}`),
  ];
  if (lines.length === 0) return "";
  return `<section><h2>Failed and skipped</h2><ul>${lines.map((line) => `<li>${escapeText(line)}</li>`).join("")}</ul></section>`;
}

/** @param {number} ratio */
function figureRatio(ratio) {
  return Number.isNaN(ratio) ? "-" : ratio.toFixed(2);
}

const STYLE = `
:root { color-scheme: light dark; --page: #fff; --card: #fff; --ink: #1c2330; --soft: #667085; --line: #e3e7ee;
  --rxrpc: #2563c9; --openafs: #d97a16; --dgram: #7a8699; --grpc: #0f8f7e; --pass: #1a8a4a; --miss: #cf3341; }
@media (prefers-color-scheme: dark) { :root { --page: #12161d; --card: #181d26; --ink: #e6eaf1; --soft: #98a2b3;
  --line: #2b3340; --rxrpc: #6aa0ff; --openafs: #f0a04b; --dgram: #96a1b2; --grpc: #3cc7b3; --pass: #4cc481; --miss: #ff7582; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 40px 24px 64px; max-width: 1020px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 30px; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 0 0 6px; }
.lead { font-size: 17px; color: var(--soft); margin: 4px 0 20px; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 10px 24px; margin: 0; }
dt { font-size: 12px; color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
section { margin-top: 28px; padding: 20px 22px; border: 1px solid var(--line); border-radius: 10px; background: var(--card); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 8px; font-size: 13px; color: var(--soft); }
.key { color: var(--ink); white-space: nowrap; }
.key::before { content: ""; display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; background: var(--c); }
.rxrpc { --c: var(--rxrpc); } .openafs { --c: var(--openafs); } .dgram { --c: var(--dgram); } .grpc { --c: var(--grpc); }
.pass { --c: var(--pass); } .miss { --c: var(--miss); } .none { --c: var(--rxrpc); }
.key.goal::before { background: var(--ink); width: 3px; height: 13px; border-radius: 0; vertical-align: -2px; }
.scroll { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 640px; height: auto; margin-top: 4px; font-family: inherit; }
svg text { fill: var(--ink); } svg .head { font-weight: 600; } svg .tick { fill: var(--soft); font-size: 12px; }
svg .label.pass, svg .label.miss { fill: var(--c); font-weight: 600; }
.grid { stroke: var(--line); } .unity { stroke: var(--soft); stroke-dasharray: 3 3; }
.bar { fill: var(--c); opacity: 0.28; } .range { stroke: var(--c); stroke-width: 3; }
.dot { fill: var(--c); opacity: 0.75; } .interval { stroke: var(--c); stroke-width: 3; stroke-linecap: round; }
.estimate { fill: var(--c); stroke: var(--card); stroke-width: 1.5; } .goal { stroke: var(--ink); stroke-width: 2.5; }
table { width: 100%; border-collapse: collapse; font-size: 14px; margin-top: 12px; }
th { text-align: left; font-size: 12px; font-weight: 600; color: var(--soft); } th, td { padding: 6px 10px; border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; } .n { text-align: right; white-space: nowrap; }
.verdict { color: var(--c); font-weight: 600; }
.warn { margin: 18px 0 0; padding: 8px 14px; border-left: 3px solid var(--openafs); color: var(--soft); }
.note, footer { font-size: 13px; color: var(--soft); } footer { margin-top: 28px; }
`;
