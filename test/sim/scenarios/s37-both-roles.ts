// S37: two ends that serve and call each other on one socket each.
import { PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";
import { openBundle, PatternCall } from "../workload.js";

export const s37: SimScenario = {
  id: "S37",
  title: "both roles on one socket",
  path: { delayMeanUs: 5_000 },
  faults: [...PATH_FAULTS, "sendError", "lateTimer", "poolRefusal", "slowHandler"],
  start(world) {
    const first = world.addServer();
    const second = world.addServer({ host: "127.0.0.3" });
    const pairs = [
      [first, second],
      [second, first],
    ] as const;
    let id = 2;
    for (const [from, to] of pairs) {
      const bundle = openBundle(from.end, to.address);
      const [requestBytes, replyBytes] = [world.pick(1, 30_000), world.pick(1, 30_000)];
      for (let i = 0; i < 8; i++, id += 2)
        world.calls.push(new PatternCall(from.end, bundle, id, requestBytes, replyBytes));
    }
  },
};
