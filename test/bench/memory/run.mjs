// `npm run bench:memory`: what the library promises about memory, files and turns of the loop, held against its bars.
import { holdAgainstBars } from "../bars.mjs";
import { parseOptions, USAGE } from "./options.mjs";
import { bufferRows } from "./rows-buffers.mjs";
import { fileRows } from "./rows-files.mjs";
import { loopRows } from "./rows-loop.mjs";
import { requestRows } from "./rows-requests.mjs";
import { Stage } from "./stage.mjs";

/** @typedef {import("../bars.mjs").Row<Stage>} Row */

await holdAgainstBars({
  parseOptions,
  usage: USAGE,
  rows: [...bufferRows, ...requestRows, ...fileRows, ...loopRows],
  makeStage: ({ quick }, note) => new Stage(quick, note),
});
