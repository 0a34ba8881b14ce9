// `npm run bench:micro`: what the hot pieces cost, one by one, and that no table, no attacker and no garbage makes them dearer.
import { holdAgainstBars } from "../bars.mjs";
import { parseOptions } from "../memory/options.mjs";
import { NO_GARBAGE, Stage } from "./stage.mjs";

const USAGE = `npm run bench:micro -- [options]
  --only ROW      only rows whose name contains ROW; may be given more than once
  --quick         few short rounds: to see that it works
  --json FILE     writes the figures there as well
  --no-build      use dist/ as it is
  --list          name the rows and end
  --help`;

/**
 * The library is loaded with the first row: it may have to be built before.
 *
 * @param {string} name
 * @param {string} title
 * @param {string} bar
 * @param {string} file
 * @returns {import("../bars.mjs").Row<Stage>}
 */
function row(name, title, bar, file) {
  return { name, title, bar, run: async (stage) => (await import(file)).rows[name](stage) };
}

const WIRE = "./rows-wire.mjs";
const PARTS = "./rows-parts.mjs";
const TABLES = "./rows-tables.mjs";
const CORE = "./rows-core.mjs";

await holdAgainstBars({
  parseOptions,
  usage: USAGE,
  rows: [
    row("header-parse", "a header, bytes to fields", NO_GARBAGE, WIRE),
    row("header-write", "a header, fields to bytes", NO_GARBAGE, WIRE),
    row("ack-parse", "an ACK body, bytes to fields", NO_GARBAGE, WIRE),
    row("ack-build", "an ACK body, fields to bytes: without and with 32 soft ACKs", NO_GARBAGE, WIRE),
    row("serial", "the order of two wrapping numbers", NO_GARBAGE, WIRE),
    row("ring", "one item in, one out", NO_GARBAGE, PARTS),
    row(
      "timers",
      "set, move, expire as often as a call does, among 100 and 100 000",
      "100 000 / 100 <= 1.5",
      PARTS,
    ),
    row("event-cache", "one item learned and run, 64 a turn", NO_GARBAGE, PARTS),
    row("buffers", "one buffer taken and given back", NO_GARBAGE, PARTS),
    row("demux", "connection and call of a packet: of 100, 10 000, 100 000", NO_GARBAGE, TABLES),
    row("crafted-ids", "look-up of 10 000 ids made to collide", "crafted / random <= 2", TABLES),
    row("idle-connections", "DATA in, ACK out beside 100 and 100 000", "100 000 / 100 <= 1.2", TABLES),
    row("data-in", "DATA in, ACK out, 32 calls", NO_GARBAGE, CORE),
    row("busy", "a new call refused: a friend, a stranger, a stranger in silence", NO_GARBAGE, CORE),
    row("echo", "128 bytes each way through two endpoints", "none", CORE),
  ],
  makeStage: ({ quick }, note) => new Stage(quick, note),
});
