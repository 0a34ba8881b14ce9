// S38: clients with IPv4, IPv6 and mapped addresses.
import { PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";

const HOSTS = ["127.0.0.8", "::1", "::ffff:127.0.0.9", "2001:db8::7", "192.0.2.7", "::ffff:192.0.2.8"];

export const s38: SimScenario = {
  id: "S38",
  title: "IPv4, IPv6 and mapped addresses",
  path: { delayMeanUs: 5_000 },
  faults: [...PATH_FAULTS, "replay"],
  start(world) {
    world.addServer({ host: world.oneOf(["127.0.0.1", "::1", "2001:db8::1"]) });
    for (let i = world.pick(2, 5); i > 0; i--) world.addClient({ host: world.oneOf(HOSTS) });
    world.addCalls(4, world.pick(1, 10_000), world.pick(1, 10_000), 500_000);
  },
};
