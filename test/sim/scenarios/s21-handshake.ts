// S21: challenge and response lost, copied, late, crossed, wrong and expired, for clients of all kinds at one server.
import { Completion } from "../../../src/core/call-object.js";
import { nullSecurity } from "../../../src/security/null.js";
import { Violation } from "../checkers.js";
import type { SimScenario } from "../run-seed.js";
import { EXPIRED, type Handshake, SimSecurity } from "../sim-security.js";
import type { PatternCall } from "../workload.js";
import type { World } from "../world.js";

const KINDS = ["good", "wrong", "expired", "plain"] as const;
type Kind = (typeof KINDS)[number];

const SAYS: Readonly<Record<Kind, Handshake>> = {
  good: {},
  wrong: { isWrong: true },
  expired: { isExpired: true },
  plain: {},
};

const callsOf = new WeakMap<World, Map<PatternCall, Kind>>();

export const s21: SimScenario = {
  id: "S21",
  title: "challenge and response lost, copied, late, crossed, wrong, expired",
  path: { delayMeanUs: 20_000 },
  faults: ["loss", "burst", "copy", "reorder", "jitter", "replay", "stuck", "lateTimer"],
  mayFail: true,
  start(world) {
    const later = (resolve: () => void): void =>
      world.at(world.pick(1, 3_000_000), () => {
        const [server] = world.servers;
        server?.end.command(resolve);
      });
    const isSlow = world.prng.chance(0.5);
    world.addServer({ security: () => [nullSecurity, new SimSecurity(isSlow ? { later } : {})] });
    const calls = new Map<PatternCall, Kind>();
    callsOf.set(world, calls);
    for (let i = world.pick(2, 5); i > 0; i--) {
      const kind = world.oneOf(KINDS);
      const security = () => [nullSecurity, new SimSecurity(SAYS[kind])];
      const client = world.addClient({ security, securityIndex: kind === "plain" ? 0 : 2 });
      // Some begin together, so that several calls wait for one proof; some later, when there is one.
      for (let n = 0; n < 6; n++)
        world.begin(n < 3 ? 1 : world.pick(1, 4_000_000), () => {
          const call = world.call(client, 3_000, 3_000);
          if (call !== null) calls.set(call, kind);
        });
    }
  },
  expect(world) {
    for (const [call, kind] of callsOf.get(world) ?? []) {
      const isGood = kind === "good" || kind === "plain";
      const hasSucceeded = call.completion === Completion.Succeeded;
      if (hasSucceeded !== isGood) throw new Violation("S21", `${kind} response: ${call.describe()}`);
      // Whichever ABORT is lost, the next one says the same (E12).
      if (kind === "expired" && call.abortCode !== EXPIRED)
        throw new Violation("S21", `not the code of an expired ticket: ${call.describe()}`);
      const wasServed = world.servers.some(({ services }) => services.some(({ runs }) => runs.has(call.id)));
      if (wasServed && !isGood)
        throw new Violation("S21", `a call was served without proof: ${call.describe()}`);
    }
  },
};
