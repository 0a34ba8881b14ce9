// S15: services stop, open again and close in every state of their rings. Nothing is lost but what came meanwhile.
import { Completion } from "../../../src/core/call-object.js";
import { ServiceState, ServiceStyle } from "../../../src/core/service.js";
import { AbortCode } from "../../../src/wire/abort.js";
import { Violation } from "../checkers.js";
import type { SimScenario } from "../run-seed.js";
import type { PatternService } from "../workload.js";

export const s15: SimScenario = {
  id: "S15",
  title: "stop-accepting, re-open and close in every ring state",
  path: { delayMeanUs: 8_000, lossRate: 0.05 },
  faults: ["copy", "jitter", "reorder", "slowHandler", "lateTimer"],
  faultsUs: 120_000_000,
  mayFail: true,
  start(world) {
    const style = world.oneOf([ServiceStyle.User, ServiceStyle.Kernel]);
    const server = world.addServer({ style, backlog: world.pick(1, 8) });
    const service = world.serviceOf(server);
    world.addClients(2);
    world.addCalls(20, 3_000, 3_000, 800_000);
    const closesAt = world.pick(1, 40);
    let times = 0;
    world.repeat(24, world.pick(1_000, 60_000), () =>
      server.end.command(() => {
        if (++times === closesAt) service.service.close();
        else if (service.service.state !== ServiceState.Closed) toggle(service, world.pick(1, 32));
      }),
    );
  },
  expect(world) {
    for (const call of world.calls) {
      if (call.completion === Completion.Succeeded || call.isOrphan) continue;
      if (call.abortCode !== AbortCode.RX_INVALID_OPERATION)
        throw new Violation("S15", `not the code of a stopped service: ${call.describe()}`);
    }
  },
};

function toggle({ service }: PatternService, backlog: number): void {
  if (service.limit > 0) return service.listen(0);
  service.listen(backlog);
  if (service.style === ServiceStyle.User) return;
  for (let id = BigInt(service.counters.charged) + 1_000_000n; service.room > 0; id++)
    service.chargeAccept(id, null);
}
