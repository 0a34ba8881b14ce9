// S21: challenge and response lost, copied, late, crossed and wrong.
import { Completion } from "../../../src/core/call-object.js";
import { nullSecurity } from "../../../src/security/null.js";
import { Violation } from "../checkers.js";
import type { SimScenario } from "../run-seed.js";
import { SimSecurity } from "../sim-security.js";

export const s21: SimScenario = {
  id: "S21",
  title: "challenge and response lost, copied, late, crossed, wrong",
  path: { delayMeanUs: 20_000 },
  faults: ["loss", "burst", "copy", "reorder", "jitter", "replay", "stuck", "lateTimer"],
  mayFail: true,
  start(world) {
    const isWrong = world.prng.chance(0.3);
    const isSlow = world.prng.chance(0.5);
    const later = (resolve: () => void): void =>
      world.at(world.pick(1, 3_000_000), () => {
        const [server] = world.servers;
        server?.end.command(resolve);
      });
    world.addServer({ security: () => [nullSecurity, new SimSecurity(isSlow ? { later } : {})] });
    const security = () => [nullSecurity, new SimSecurity({ isWrong })];
    world.addClients(world.pick(1, 3), { security, securityIndex: 2 });
    world.addCalls(6, 3_000, 3_000, 1_000_000);
    if (isWrong) return;
    // Good ones, in a plain connection beside them.
    world.addClient({ security });
  },
  expect(world) {
    const isWrong = world.clients.length > 0 && world.clients.at(-1)?.settings.securityIndex === 2;
    for (const call of world.calls) {
      const hasSucceeded = call.completion === Completion.Succeeded;
      if (hasSucceeded === isWrong)
        throw new Violation("S21", `${isWrong ? "wrong" : "good"} response: ${call.describe()}`);
    }
    for (const { services } of world.servers)
      for (const service of services)
        if (isWrong && service.runs.size > 0) throw new Violation("S21", "a call was served without proof");
  },
};
