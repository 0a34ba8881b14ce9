// S31: the server stops in any state: refuse, drain, abort all, close. Every call ends, and nothing is left.
import { ServiceState, ServiceStyle } from "../../../src/core/service.js";
import { AbortCode } from "../../../src/wire/abort.js";
import { PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";

export const s31: SimScenario = {
  id: "S31",
  title: "stop in every state",
  path: { delayMeanUs: 5_000 },
  faults: [...PATH_FAULTS, "slowHandler", "slowReader", "poolRefusal"],
  mayFail: true,
  start(world) {
    const style = world.oneOf([ServiceStyle.User, ServiceStyle.Kernel]);
    const server = world.addServer({ style, backlog: world.pick(1, 32) });
    const { endpoint } = server.end;
    const { service } = world.serviceOf(server);
    world.addClients(world.pick(1, 3));
    world.addCalls(10, world.pick(1, 60_000), world.pick(1, 60_000), 1_000_000);
    const steps = [
      () => service.state !== ServiceState.Closed && service.listen(0),
      () => endpoint.drain(),
      () => endpoint.abortAllCalls(AbortCode.RX_RESTARTING),
      () => endpoint.removeService(service),
    ];
    let afterUs = world.pick(1, 800_000);
    for (let i = 0; i < 4; i++) {
      const step = world.oneOf(steps);
      server.end.after(afterUs, () => void step());
      afterUs += world.pick(1, 300_000);
    }
    // Clients stop as well.
    if (world.prng.chance(0.5)) {
      const client = world.oneOf(world.clients);
      client.end.after(world.pick(1, 1_200_000), () => {
        client.end.endpoint.abortAllCalls(AbortCode.RX_USER_ABORT);
        client.end.endpoint.closeBundle(client.bundle);
      });
    }
  },
};
