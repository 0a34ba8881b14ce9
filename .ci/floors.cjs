// The floors of src/ as dependency-cruiser rules: imports point down only, never sideways on floor 1,
// and only the edge meets Node and the network. src/README.md explains the floors.

const FLOOR_1 = ["wire", "xdr", "memory", "loop"];
const BELOW_CORE = ["util", ...FLOOR_1];

/** Each folder of floors 0-4 and what it may import besides itself. */
const MAY_IMPORT = {
  util: [],
  ...Object.fromEntries(FLOOR_1.map((folder) => [folder, ["util"]])),
  core: BELOW_CORE,
  security: [...BELOW_CORE, "core"],
  rpc: [...BELOW_CORE, "core", "security"],
};

const FLOORS = `^src/(${Object.keys(MAY_IMPORT).join("|")})/`;
const EDGE = "^src/(transport|node|metrics|cli)/";

// Node's builtins and packages have rules of their own, with a plainer message.
const OWN_SOURCE = "^src/";
const PACKAGE_TYPES = [
  "npm",
  "npm-dev",
  "npm-optional",
  "npm-peer",
  "npm-bundled",
  "npm-no-pkg",
  "npm-unknown",
];

const floorRules = Object.entries(MAY_IMPORT).map(([folder, below]) => ({
  name: `floor-${folder}`,
  comment: `src/${folder}/ may import only ${below.length ? `itself and ${below.join(", ")}` : "itself"}.`,
  severity: "error",
  from: { path: `^src/${folder}/` },
  to: { path: OWN_SOURCE, pathNot: `^src/(${[folder, ...below].join("|")})/` },
}));

module.exports = {
  forbidden: [
    ...floorRules,
    {
      name: "security-classes-apart",
      comment: "A security class never imports another; what they share lies beside them in src/security/.",
      severity: "error",
      from: { path: "^src/security/(null|rxkad|rxgk)(?:/|[.-])" },
      to: { path: "^src/security/(null|rxkad|rxgk)(?:/|[.-])", pathNot: "^src/security/$1(?:/|[.-])" },
    },
    {
      name: "floors-without-node",
      comment: "Floors 0-4 do no I/O: what they need from outside is handed to them by the edge.",
      severity: "error",
      from: { path: FLOORS },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "floors-without-packages",
      comment: "Floors 0-4 import no package.",
      severity: "error",
      from: { path: FLOORS },
      to: { dependencyTypes: PACKAGE_TYPES },
    },
    {
      name: "node-only-at-the-edge",
      comment: "Node's builtins belong to transport, node, metrics and cli.",
      severity: "error",
      from: { path: "^src/", pathNot: [EDGE, FLOORS] },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "dgram-as-promised-only-in-transport",
      comment: "Sockets are made in one place.",
      severity: "error",
      from: { pathNot: "^src/transport/" },
      to: { path: "(^|/)dgram-as-promised(/|$)" },
    },
    {
      name: "testing-is-apart",
      comment: "Simulations are for tests: a running service does not carry them.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/testing/" },
      to: { path: "^src/testing/" },
    },
    {
      name: "no-development-packages",
      comment: "The library must run with its runtime dependencies alone.",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], pathNot: "@types/node" },
    },
    {
      name: "no-cycles",
      comment: "Objects may name each other's types; modules may not need each other to load.",
      severity: "error",
      from: { path: "^src/" },
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "examples-use-the-public-api",
      comment: "An example shows what a user can write.",
      severity: "error",
      from: { path: "^examples/" },
      to: { path: "^(src|dist)/", pathNot: "^(src|dist)/(testing/)?index[.]" },
    },
    {
      name: "source-stands-alone",
      comment: "The library imports neither its tests nor its examples.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|examples|dist)/" },
    },
    {
      name: "resolvable",
      comment: "Every import leads to a file.",
      severity: "error",
      from: { path: "^src/" },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ["node_modules", "^dist/"] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      conditionNames: ["types", "node", "import", "default"],
      exportsFields: ["exports"],
    },
  },
};
