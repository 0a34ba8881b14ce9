// S20: both ends give calls up at any moment, also together with the final ACK.
import { Completion } from "../../../src/core/call-object.js";
import { Violation } from "../checkers.js";
import { PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";

const BY_CLIENT = 7;
const BY_SERVER = 8;

export const s20: SimScenario = {
  id: "S20",
  title: "aborts from both ends at every state",
  path: { delayMeanUs: 8_000, lossRate: 0.05 },
  faults: [...PATH_FAULTS, "slowHandler", "slowReader", "lateTimer"],
  mayFail: true,
  start(world) {
    const server = world.addServer();
    const service = world.serviceOf(server);
    world.addClients(2, { connectionsMax: 2 });
    world.addCalls(12, world.pick(1, 60_000), world.pick(1, 60_000));
    for (const call of world.calls) {
      const side = world.pick(0, 2);
      if (side !== 0) {
        const client = world.clients[world.calls.indexOf(call) % world.clients.length];
        client?.end.after(world.pick(1, 600_000), () => call.handle.abort(BY_CLIENT));
      }
      if (side !== 1)
        server.end.after(world.pick(1, 600_000), () =>
          service.sessions.values().next().value?.abort(BY_SERVER),
        );
    }
  },
  expect(world) {
    for (const call of world.calls) {
      const isKnown = [BY_CLIENT, BY_SERVER, -1].includes(call.abortCode);
      if (call.completion !== Completion.Succeeded && !isKnown)
        throw new Violation("S20", `a code that nobody gave: ${call.describe()}`);
    }
  },
};
