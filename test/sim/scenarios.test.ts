// Every scenario of the simulator under a few seeds. `npm run sim` runs many more, and repeats one by its number.
import { describe, expect, test } from "vitest";
import { runTask } from "./run-seed.js";
import { scenarios } from "./scenarios/index.js";
import { commandOf } from "./shrink.js";

const SEEDS = [101, 102];
// Of these scenarios each seed is run twice, to see that it is the same run.
const TWICE = new Set(["S02", "S16", "S40"]);

describe("scenarios", () => {
  for (const scenario of scenarios) {
    test(`${scenario.id} ${scenario.title}`, async () => {
      for (const seed of SEEDS) {
        const mode = TWICE.has(scenario.id) ? "twice" : "once";
        const result = await runTask(scenario, { seed }, mode);
        const again = commandOf({ scenario: scenario.id, options: { seed }, mode });
        expect(result.oracle, `${result.message}\n${result.stack}\nagain: ${again}`).toBe("");
      }
    });
  }
});
