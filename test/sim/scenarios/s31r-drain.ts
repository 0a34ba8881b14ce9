// S31R: drain() at any moment, with handlers that answer, that sleep and that never settle. It ends in time, and so does
// every call.
import { service } from "../../../src/index.js";
import { AbortCode } from "../../../src/wire/abort.js";
import { Violation } from "../checkers.js";
import { PATH_FAULTS } from "../faults.js";
import type { RpcScenario } from "../run-rpc-seed.js";

const ECHO = 50;
const HANGS = 51;
const SLEEP_MS = 20;
const DEADLINE_MS = 5_000;
// Answered, told that the server restarts, given up by the deadline, or left alone by a server that is not there any more.
const ALLOWED: readonly (number | string)[] = [
  0,
  AbortCode.RX_RESTARTING,
  AbortCode.RX_CALL_TIMEOUT,
  AbortCode.RX_CALL_DEAD,
];

export const s31r: RpcScenario = {
  id: "S31R",
  title: "drain() in every state, in the server base",
  path: { delayMeanUs: 4_000 },
  faults: [...PATH_FAULTS, "sendError"],
  async play(world) {
    const server = world.server({ buffersMax: world.pick(64, 400), backlog: world.pick(1, 32) });
    server.add(
      service({
        id: ECHO,
        async call(call) {
          const request = await call.readAll();
          world.noteRun(request);
          await world.sleep(world.prng.below(SLEEP_MS));
          return request;
        },
      }),
    );
    server.add(
      service({
        id: HANGS,
        deadlineMs: DEADLINE_MS,
        call: (call) =>
          new Promise<undefined>((_resolve, reject) => {
            call.signal.addEventListener("abort", () => reject(call.signal.reason as Error));
          }),
      }),
    );
    await world.run(server.start());
    const client = await world.client(server.port, ECHO);
    const hung = await world.client(server.port, HANGS);
    const outcomes = Array.from({ length: world.countOf(30) }, async (_, i) => {
      await world.sleep(world.prng.below(3_000));
      return world.outcomeOf((i % 5 === 0 ? hung : client).call(world.request(i * 1_500)));
    });
    await world.runFor(world.pick(1, 4_000));
    const timeoutMs = world.pick(0, 3) * 500;
    const beganUs = world.elapsedUs;
    await world.run(server.drain({ timeoutMs }), timeoutMs + 1_000);
    const tookMs = (world.elapsedUs - beganUs) / 1_000;
    if (tookMs > timeoutMs + 100) throw new Violation("S31", `drain() of ${timeoutMs} ms took ${tookMs} ms`);
    // A handler that sleeps holds its call until it wakes up.
    await world.runFor(1_000);
    world.checkStopped(server);
    for (const outcome of await world.run(Promise.all(outcomes), 120_000))
      if (!ALLOWED.includes(outcome)) throw new Violation("S31", `a client sees ${outcome}`);
  },
};
