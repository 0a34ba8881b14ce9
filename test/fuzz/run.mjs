// `npm run fuzz`: loads the fuzzer and the library from their sources, the library with a counter at each branch.
import { register } from "node:module";
import { createCounters } from "./counters.mjs";

createCounters();
register(new URL("./loader.mjs", import.meta.url));
const { main } = await import("./main.ts");
process.exitCode = await main(process.argv.slice(2));
