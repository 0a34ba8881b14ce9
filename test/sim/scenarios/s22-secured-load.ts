// S22: many secured calls under loss, as far as a class without rekeying goes; every context is let go in the end.
import { nullSecurity } from "../../../src/security/null.js";
import { PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";
import { SimSecurity } from "../sim-security.js";

export const s22: SimScenario = {
  id: "S22",
  title: "secured calls under loss and load",
  path: { lossRate: 0.1, delayMeanUs: 10_000 },
  faults: [...PATH_FAULTS, "lateTimer", "sendError", "slowReader"],
  faultsUs: 120_000_000,
  isSecured: true,
  start(world) {
    const security = () => [nullSecurity, new SimSecurity()];
    world.addServer({ security });
    world.addClients(world.pick(1, 4), { security, securityIndex: 2 });
    world.addCalls(10, world.pick(1, 30_000), world.pick(1, 30_000), world.oneOf([1_000_000, 20_000_000]));
  },
};
