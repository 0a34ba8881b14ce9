// Rows about what a server answers to strangers, and what refusing costs: in the core, or between two servers.
import { ROOT } from "../bench/prepare.mjs";
import { Child } from "../bench/processes.mjs";

const REFUSALS = import.meta.resolve("./workers/refusals.mjs");
const MIRROR = import.meta.resolve("./workers/mirror.mjs");

const REFUSAL_COUNT = 1_000_000;
const REFUSALS_MS = 120_000;
const MIRROR_MS = 120_000;
const TESTS_MS = 120_000;
const FOLLOW_MAX = 2;
const BUDGET_MAX = 3;
// A packet object or a boxed number would be 16 bytes or more; what is left is the compiler's own, once.
const BYTES_MAX = 2;
const INJECTED = 40;
const INJECTED_QUICK = 10;

/** @param {string} line */
function parse(line) {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** @type {import("./run.mjs").Row[]} */
export const coreRows = [
  {
    name: "refusals",
    title: `${REFUSAL_COUNT} refusals of each kind in the core`,
    bar: "no collection, flat heap",
    run: async (stage) => {
      const flags = ["--expose-gc", "--min-semi-space-size=512", "--max-semi-space-size=512"];
      const child = stage.process(REFUSALS, [REFUSAL_COUNT], flags);
      const { paths } = await child.nextLine(parse, REFUSALS_MS);
      const collections = paths.reduce((sum, path) => sum + path.collections, 0);
      const bytes = Math.max(...paths.map((path) => path.bytesEach));
      const isAnswered = paths
        .filter(({ name }) => !/strangers/.test(name))
        .every((p) => p.sent === p.refused);
      return {
        passed: collections === 0 && bytes < BYTES_MAX && isAnswered,
        figure: `${collections} collections, at most ${Math.max(0, bytes).toFixed(2)} bytes each`,
        notes: paths.map(
          ({ name, sent, refused, bytesEach, perSecond }) =>
            `${name}: ${refused} refused, ${sent} told so, ${bytesEach.toFixed(2)} bytes each, ${Math.round(perSecond / 1000)} 000 a second`,
        ),
        values: { paths },
      };
    },
  },
  {
    name: "mirror",
    title: "two servers that are fed each other's packets",
    bar: `<= ${FOLLOW_MAX} datagrams for each that is put in`,
    run: async (stage) => {
      const count = stage.quick ? INJECTED_QUICK : INJECTED;
      const child = stage.process(MIRROR, [stage.seed, count, ...(stage.quick ? ["quick"] : [])]);
      const { kinds, injected, total } = await child.nextLine(parse, MIRROR_MS);
      const most = Math.max(...kinds.map((kind) => kind.most));
      return {
        passed: most <= FOLLOW_MAX && total <= FOLLOW_MAX,
        figure: `at most ${most} at once; ${total.toFixed(2)} on average with repeats by timers`,
        notes: kinds
          .filter(({ most, followed }) => most + followed > 0)
          .map(({ name, most, followed }) => `${name}: at most ${most}, ${followed.toFixed(2)} on average`)
          .concat(`${injected} put in, ${kinds.length} kinds; kinds not named are never answered`)
          .concat(
            `a call that is opened is repeated by timers: ${kinds.at(-1).followed.toFixed(2)} datagrams in all, which the budget bounds`,
          ),
        values: { kinds, injected, total },
      };
    },
  },
  {
    name: "budget",
    title: "bytes out over bytes in, for an address that has proved nothing",
    bar: `<= ${BUDGET_MAX.toFixed(1)} for every packet type, repeats included`,
    run: async () => {
      // The figures are those of a test, which tells them with its result.
      const vitest = `${ROOT}node_modules/vitest/vitest.mjs`;
      const config = ["--config", "test/vitest.config.ts", "--project", "pure", "--reporter", "json"];
      const args = [vitest, "run", ...config, "test/unit/core/budget.test.ts"];
      const child = new Child("vitest", process.execPath, args, { cwd: ROOT });
      const report = await child.nextLine(parse, TESTS_MS);
      const tests = report.testResults.flatMap((file) => file.assertionResults);
      const ratios = tests.flatMap(({ meta }) =>
        meta?.ratios === undefined ? [] : Object.entries(meta.ratios),
      );
      const failed = tests.filter(({ status }) => status !== "passed");
      const worst = Math.max(...ratios.map(([, ratio]) => ratio));
      return {
        passed: ratios.length > 0 && failed.length === 0 && worst <= BUDGET_MAX,
        figure: `${worst.toFixed(2)} at most`,
        notes: [
          `${ratios.length} cases; the most: ${ratios
            .sort((a, b) => b[1] - a[1])
            .slice(0, 5)
            .map(([name, ratio]) => `${name} ${ratio.toFixed(2)}`)
            .join(", ")}`,
          ...failed.map(({ title }) => `failed: ${title}`),
        ],
        values: { ratios: Object.fromEntries(ratios) },
      };
    },
  },
];
