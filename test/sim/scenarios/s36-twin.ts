// S36: two runs with different bytes in used memory send the same, byte for byte: nothing is sent that was not written.
import { nullSecurity } from "../../../src/security/null.js";
import { END_FAULTS, PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";
import { SimSecurity } from "../sim-security.js";

export const s36: SimScenario = {
  id: "S36",
  title: "twin run with two poison patterns",
  path: { delayMeanUs: 5_000 },
  faults: [...PATH_FAULTS, ...END_FAULTS],
  isTwin: true,
  start(world) {
    const security = () => [nullSecurity, new SimSecurity()];
    // Refusals to strangers and to those who find the rings empty are among what is compared.
    world.addServer({ backlog: world.pick(1, 4), security, options: { trusted: [] } });
    world.addClients(world.pick(1, 3), { security, securityIndex: world.oneOf([0, 2]) });
    world.addCalls(8, world.pick(1, 20_000), world.pick(1, 20_000), world.oneOf([1_000_000, 20_000_000]));
  },
  faultsUs: 120_000_000,
  endsWithinUs: 60_000_000,
};
