import { writeFileSync } from "node:fs";
import { test } from "vitest";
import { CLIENT_STATES, clientCell, idleChannelCell, NUMBERS, PACKETS, SERVICE_STATES, serviceCell, unknownClientCell, unknownServiceCell } from "./state-cells.js";
type P = (typeof PACKETS)[number];
test("gen", () => {
  const rows: { side: string; number: string; states: string[]; cells: string[] }[] = [];
  const row = (side: string, number: string, state: string, f: (p: P) => string) => {
    const cells = PACKETS.map(f);
    const same = rows.find((r) => r.side === side && r.number === number && r.cells.join("|") === cells.join("|"));
    if (same) same.states.push(state); else rows.push({ side, number, states: [state], cells });
  };
  row("service", "any", "no connection", unknownServiceCell);
  row("service", "any", "idle channel", idleChannelCell);
  for (const n of NUMBERS) for (const s of SERVICE_STATES) row("service", n, s, (p) => serviceCell(s, p, n));
  row("client", "any", "no connection", unknownClientCell);
  for (const n of NUMBERS) for (const s of CLIENT_STATES) row("client", n, s, (p) => clientCell(s, p, n));
  const ts = rows.map((r) => `  {\n    side: "${r.side}",\n    number: "${r.number}",\n    states: ${JSON.stringify(r.states)},\n    cells: {\n${PACKETS.map((p, i) => `      "${p}": ${JSON.stringify(r.cells[i])},`).join("\n")}\n    },\n  },`).join("\n");
  writeFileSync("/tmp/plan/rows.ts", ts);
  let md = "";
  for (const side of ["service", "client"]) for (const n of ["any", ...NUMBERS]) {
    const rs = rows.filter((r) => r.side === side && r.number === n);
    if (rs.length === 0) continue;
    md += `\n**${side}, call number: ${n}**\n\n| packet | ${rs.map((r) => r.states.join(", ")).join(" | ")} |\n|---|${rs.map(() => "---|").join("")}\n`;
    PACKETS.forEach((p, i) => { md += `| ${p} | ${rs.map((r) => r.cells[i]).join(" | ")} |\n`; });
  }
  writeFileSync("/tmp/plan/table.md", md);
});
