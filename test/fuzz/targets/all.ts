// Every target, in the order in which the fuzzer takes them.
import type { Target } from "../target.js";
import { ENDPOINT_TARGETS } from "./endpoint.js";
import { TEXT_TARGETS } from "./text.js";
import { WIRE_TARGETS } from "./wire.js";
import { XDR_TARGETS } from "./xdr.js";

export const TARGETS: readonly Target[] = [
  ...WIRE_TARGETS,
  ...XDR_TARGETS,
  ...TEXT_TARGETS,
  ...ENDPOINT_TARGETS,
];
