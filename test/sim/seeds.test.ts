// Runs that have failed once are run for ever after: each names the scenario, the seed, and what was wrong then.
import { expect, test } from "vitest";
import { runTask } from "./run-seed.js";
import { scenarioOf } from "./scenarios/index.js";
import { commandOf } from "./shrink.js";

const FOUND: readonly { readonly scenario: string; readonly seed: number; readonly what: string }[] = [
  {
    scenario: "S21",
    seed: 7,
    what: "who had lost the ABORT of its connection was told another code than the class's",
  },
  {
    scenario: "S22",
    seed: 2,
    what: "a client whose first packet was lost again and again never offered it in time",
  },
  { scenario: "S27", seed: 31, what: "the same, with clocks that leap" },
  {
    scenario: "S40",
    seed: 2,
    what: "a call that was over when its service was told of it ended twice for its handler",
  },
  {
    scenario: "S40",
    seed: 6,
    what: "a recorded request found no tombstone, and its ACK was taken for a retraction",
  },
  {
    scenario: "S38",
    seed: 162,
    what: "an answer to a PING said nothing of losses when another PING had gone out since",
  },
  { scenario: "S27", seed: 167, what: "the same, with clocks that leap" },
  { scenario: "S31", seed: 31, what: "the only service was removed before anybody had looked at its limits" },
  { scenario: "S31R", seed: 1, what: "calls of a service that was removed had no limit to be judged by" },
];

test.each(FOUND)("$scenario, seed $seed: $what", async ({ scenario, seed }) => {
  const result = await runTask(scenarioOf(scenario), { seed });
  const again = commandOf({ scenario, options: { seed }, mode: "once" });
  expect(result.oracle, `${result.message}\n${result.stack}\nagain: ${again}`).toBe("");
});
