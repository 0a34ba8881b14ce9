// Typed lint. What the compiler, the formatter or the floors' own configuration already proves is not repeated.
import { fileURLToPath } from "node:url";
import tseslint from "typescript-eslint";

const root = fileURLToPath(new URL("..", import.meta.url));

const FLOORS_0_TO_3 = ["src/{util,wire,xdr,memory,loop,core,security}/**/*.ts"];
const FLOOR_4 = ["src/rpc/**/*.ts"];

const handedIn = "is the edge's; floors are handed what they need from outside.";
const bannedEverywhereBelowTheEdge = [
  { name: "Date", message: `Time ${handedIn}` },
  { name: "globalThis", message: `The global object ${handedIn}` },
];
const outside = [
  ...["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "clearImmediate"],
  ...["process", "Buffer", "console", "performance", "crypto", "fetch", "global", "require"],
].map((name) => ({ name, message: `${name} ${handedIn}` }));

const mathRandom = { object: "Math", property: "random", message: `Randomness ${handedIn}` };
const synchronous = "Promises begin on floor 4.";

export default tseslint.config(
  { ignores: ["dist/**", "coverage/**", ".docs/**", "**/node_modules/**", "test/bench/results/**"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: "test/tsconfig.json", tsconfigRootDir: root } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "@typescript-eslint/consistent-type-exports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true, allowNullish: true },
      ],
      "@typescript-eslint/return-await": ["error", "in-try-catch"],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      // An async function without await is how a synchronous handler fulfils an asynchronous interface.
      "@typescript-eslint/require-await": "off",
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "max-lines": ["error", 500],
      "no-console": "error",
    },
  },
  { files: ["src/cli/**/*.ts"], rules: { "no-console": "off" } },
  {
    files: [...FLOORS_0_TO_3, ...FLOOR_4],
    rules: {
      "no-restricted-globals": ["error", ...bannedEverywhereBelowTheEdge, ...outside],
      "no-restricted-properties": [
        "error",
        mathRandom,
        { object: "AbortSignal", property: "timeout", message: `A timer ${handedIn}` },
      ],
    },
  },
  {
    files: FLOORS_0_TO_3,
    rules: {
      "no-restricted-globals": [
        "error",
        ...bannedEverywhereBelowTheEdge,
        ...outside,
        { name: "Promise", message: synchronous },
        { name: "queueMicrotask", message: synchronous },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: ":function[async=true]", message: synchronous },
        { selector: "AwaitExpression", message: synchronous },
      ],
    },
  },
  {
    // Tests reach into odd corners and make wrong values on purpose.
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/unbound-method": "off",
    },
  },
);
