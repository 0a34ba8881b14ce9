// S14: more calls than places at once, for every size of the rings; some are accepted late. In the end all are served.
import { ServiceStyle } from "../../../src/core/service.js";
import { Stat } from "../../../src/core/stats.js";
import { Violation } from "../checkers.js";
import type { SimScenario } from "../run-seed.js";
import type { World } from "../world.js";

export const s14: SimScenario = {
  id: "S14",
  title: "backlog drain and refill, BUSY then late acceptance",
  path: { delayMeanUs: 2_000 },
  faults: ["loss", "copy", "jitter", "reorder", "slowHandler", "lateTimer"],
  faultsUs: 120_000_000,
  endsWithinUs: 60_000_000,
  start(world) {
    const backlog = world.pick(1, 32);
    world.addServer({ backlog, style: ServiceStyle.User });
    acceptLate(world);
    world.addClients(2);
    world.addCalls(world.pick(1, 33), 500, 500);
  },
  expect(world) {
    const [server] = world.servers;
    if (server === undefined) return;
    const { stats } = server.end.endpoint.local;
    if (stats.value(Stat.CallsAccepted) < world.calls.length)
      throw new Violation("S14", "fewer calls were accepted than succeeded");
  },
};

// What waits for its answer keeps its place in the backlog.
function acceptLate(world: World): void {
  const [server] = world.servers;
  if (server === undefined) return;
  const service = world.serviceOf(server);
  const prng = world.prng.fork();
  service.serveOtherwise = (handle) => {
    server.end.after(prng.below(50_000), () => {
      if (!handle.isReleased && !handle.isEnded) service.adopt(handle);
    });
    return true;
  };
}
