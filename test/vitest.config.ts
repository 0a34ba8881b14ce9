// Three groups, run one after the other: what needs only a processor, what needs a quiet heap,
// and what needs sockets and other programs.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import SummaryReporter from "./summary-reporter.js";

const root = fileURLToPath(new URL("..", import.meta.url));

export default defineConfig({
  root,
  resolve: {
    // Examples import the package by its name; under test that is the source, not the last build.
    alias: [
      { find: /^rxrpc$/, replacement: `${root}src/index.ts` },
      { find: /^rxrpc\/testing$/, replacement: `${root}src/testing/index.ts` },
    ],
  },
  test: {
    pool: "forks",
    reporters: ["default", new SummaryReporter()],
    coverage: {
      provider: "v8",
      include: ["src/{util,wire,xdr,memory,loop,core,security}/**/*.ts"],
      reporter: ["text", "json-summary"],
      reportsDirectory: "coverage",
      thresholds: { lines: 95 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: "pure",
          include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
          exclude: ["test/{alloc,interop}/**", "**/node_modules/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "alloc",
          include: ["test/alloc/**/*.test.ts"],
          // A large young generation, so that a run without garbage has no collection at all.
          execArgv: [
            "--expose-gc",
            "--allow-natives-syntax",
            "--max-semi-space-size=64",
            "--min-semi-space-size=64",
          ],
          fileParallelism: false,
          testTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          // Peers have timeouts of their own; a loaded machine must not look like a lossy network.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
