// Stryker changes one floor's code in a copy of the checkout, one place at a time, and counts the changes that no test of
// that floor sees. stryker.run.mjs says which floor.
import { tmpdir } from "node:os";
import { join } from "node:path";

const floor = process.env.MUTATION_FLOOR;

export default {
  mutate: [`src/${floor}/${process.env.MUTATION_FILE}.ts`],
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner"],
  vitest: { configFile: ".ci/stryker.vitest.mjs", related: false },
  coverageAnalysis: "perTest",
  concurrency: 1,
  // Outside the checkout: no other tool shall find a second copy of every file.
  tempDirName: join(tmpdir(), "rxrpc-mutation"),
  ignorePatterns: ["coverage", "dist", ".docs", ".github"],
  reporters: ["progress-append-only", "clear-text"],
  clearTextReporter: { allowColor: false, allowEmojis: false, reportTests: false, logTests: false },
  // Changed messages are counted like all else. What is left of 100 is mostly that, and loops that go one too far over
  // an array which does not mind.
  thresholds: { high: 90, low: 80, break: 70 },
};
