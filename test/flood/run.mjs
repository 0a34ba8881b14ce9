// `npm run flood`: what the library promises when it is flooded, on real sockets of loopback, held against its bars.
import { holdAgainstBars } from "../bench/bars.mjs";
import { parseOptions, USAGE } from "./options.mjs";
import { coreRows } from "./rows-core.mjs";
import { handlerRows } from "./rows-handlers.mjs";
import { junkRows } from "./rows-junk.mjs";
import { overloadRows } from "./rows-overload.mjs";
import { stopRows } from "./rows-stop.mjs";
import { Stage } from "./stage.mjs";

/** @typedef {import("../bench/bars.mjs").Row<Stage>} Row */

await holdAgainstBars({
  parseOptions,
  usage: USAGE,
  rows: [...overloadRows, ...junkRows, ...handlerRows, ...coreRows, ...stopRows],
  makeStage: (options, note) => new Stage(options, note),
});
