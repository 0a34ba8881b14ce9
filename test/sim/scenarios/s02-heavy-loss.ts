// S02: 30 % loss both ways. Nothing may die for bad luck.
import { nullSecurity } from "../../../src/security/null.js";
import type { SimScenario } from "../run-seed.js";
import { SimSecurity } from "../sim-security.js";

export const s02: SimScenario = {
  id: "S02",
  title: "30 % loss both ways, 50 calls of 1 KiB, secured or not",
  path: { lossRate: 0.3, lossBurstMax: 3, delayMeanUs: 10_000, delayJitterUs: 5_000 },
  faults: ["copy", "reorder", "jitter", "lateTimer", "slowHandler", "slowReader"],
  faultsUs: 120_000_000,
  start(world) {
    const security = () => [nullSecurity, new SimSecurity()];
    world.addServer({ security });
    world.addClients(1, { security, securityIndex: world.oneOf([0, 2]) });
    world.addCalls(50, 1_024, 1_024, world.oneOf([1, 20_000_000]));
  },
};
