// The tests that judge a floor's changed code: its own, which need neither sockets nor a quiet machine.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer } from "vitest/node";

const floor = process.env.MUTATION_FLOOR;
// What core does shows on the wire; the tests there see what those of its parts cannot.
const alsoFor = { core: ["test/wire/**/*.test.ts"] };

// Vitest begins with the files that took longest. A change is done with at the first test that sees it, so the quick ones
// begin here.
class QuickestFirst extends BaseSequencer {
  async sort(files) {
    return (await super.sort(files)).reverse();
  }
}

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: [`test/unit/${floor}/**/*.test.ts`, ...(alsoFor[floor] ?? [])],
    testTimeout: 60_000,
    sequence: { sequencer: QuickestFirst },
  },
});
