// S40: everything at once.

import { ServiceStyle } from "../../../src/core/service.js";
import { nullSecurity } from "../../../src/security/null.js";
import { FAULT_KINDS } from "../faults.js";
import { rawCall, rawRequest } from "../raw-end.js";
import type { SimScenario } from "../run-seed.js";
import { SimSecurity } from "../sim-security.js";
import { HOSTILE_ID } from "../workload.js";

export const s40: SimScenario = {
  id: "S40",
  title: "everything at once",
  path: { delayMeanUs: 5_000 },
  faults: FAULT_KINDS,
  faultsUs: 40_000_000,
  endsWithinUs: 80_000_000,
  mayFail: true,
  settlesUs: 100_000_000,
  start(world) {
    const security = () => [nullSecurity, new SimSecurity()];
    const style = world.oneOf([ServiceStyle.User, ServiceStyle.Kernel]);
    world.addServer({
      security,
      style,
      backlog: world.pick(1, 32),
      options: { buffersMax: world.pick(16, 256) },
    });
    const second = world.addServer({ host: "127.0.0.3", security, options: { trusted: [] } });
    world.addClients(3, { security, securityIndex: world.oneOf([0, 2]) });
    world.addClient({ security, to: second, securityIndex: 2 });
    world.addCalls(10, world.pick(1, 60_000), world.pick(1, 60_000), 20_000_000);
    const raw = world.addRaw("198.18.0.1", 5_000, second);
    const prng = world.prng.fork();
    world.repeat(200, 50_000, () => {
      const talker = rawCall(prng.int32(), prng.int32());
      raw.send(talker.data(1, rawRequest(HOSTILE_ID, prng.below(10_000)), 4, { serial: raw.nextSerial() }));
    });
  },
};
