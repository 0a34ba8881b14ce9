// S08: bits are flipped. Nothing is thrown or left behind, and a secured call delivers no byte that was not verified.
import { nullSecurity } from "../../../src/security/null.js";
import type { SimScenario } from "../run-seed.js";
import { SimSecurity } from "../sim-security.js";

export const s08: SimScenario = {
  id: "S08",
  title: "bit damage of 30 % at the start, 2 % in bulk",
  path: { damageRate: 0.3, delayMeanUs: 5_000 },
  faults: ["loss", "copy", "reorder", "jitter", "mtu"],
  mayFail: true,
  start(world) {
    const security = () => [nullSecurity, new SimSecurity()];
    const securityIndex = world.oneOf([0, 2]);
    // Which packet is the last one is said by a flag that no class protects.
    world.mayCutShort = true;
    world.mayCorrupt = securityIndex === 0;
    world.addServer({ security });
    world.addClients(world.pick(1, 2), { security, securityIndex });
    world.addCalls(8, world.pick(1, 50_000), world.pick(1, 50_000), 5_000_000);
    world.at(2_000_000, () => world.simulation.network.configure({ damageRate: 0.02 }));
  },
};
