// S38: clients with IPv4, IPv6 and mapped addresses.
import { Violation } from "../checkers.js";
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
    world.addCalls(4, world.pick(1, 10_000), world.pick(1, 10_000), world.oneOf([500_000, 20_000_000]));
    // A11: one form for each address, whichever it came in.
    world.repeat(100, 200_000, () => {
      for (const { endpoint } of world.simulation.ends) {
        const { known, pool } = endpoint.local.peers;
        const texts = Array.from({ length: known.count }, (_, i) => pool.at(known.at(i)).address.toString());
        const mapped = texts.find((text) => text.includes("ffff:"));
        if (mapped !== undefined || new Set(texts).size < texts.length)
          throw new Violation("S38", `peers in two forms: ${texts.join(", ")}`);
      }
    });
  },
};
