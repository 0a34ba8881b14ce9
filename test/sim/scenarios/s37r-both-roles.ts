// S37R: two sockets call each other's services at the same time, in the style of `for await`.
import type { RxSocket } from "../../../src/index.js";
import { Violation } from "../checkers.js";
import { PATH_FAULTS } from "../faults.js";
import type { RpcWorld } from "../rpc-world.js";
import type { RpcScenario } from "../run-rpc-seed.js";

const ECHO = 50;
const BACKLOG = 32;

export const s37r: RpcScenario = {
  id: "S37R",
  title: "both roles on one socket, with promises",
  path: { delayMeanUs: 4_000 },
  faults: [...PATH_FAULTS, "sendError"],
  async play(world) {
    const [left, right] = [await world.socket(), await world.socket()];
    const answering = [left, right].map((socket) => answer(world, socket));
    const to = (port: number) => ({ host: "127.0.0.1", port, serviceId: ECHO });
    const ways = [left.connect(to(right.port)), right.connect(to(left.port))] as const;
    const calls = Array.from({ length: world.countOf(24) }, async (_, i) => {
      await world.sleep(world.prng.below(8_000));
      const request = world.request(world.pick(0, 20_000));
      const way = i % 2 === 0 ? ways[0] : ways[1];
      const outcome = await world.outcomeOf(
        way.call(request).then((reply) => world.checkEcho(request, reply)),
      );
      if (outcome !== 0) throw new Violation("S37", `a call ended with ${outcome}`);
    });
    await world.run(Promise.all(calls));
    for (const socket of [left, right]) await world.run(socket.close());
    const refused = (await world.run(Promise.all(answering))).flat();
    if (refused.length > 0) throw new Violation("S37", `an echo has failed: ${String(refused[0])}`);
  },
};

/** Serves until the socket closes. @returns what has gone wrong */
async function answer(world: RpcWorld, socket: RxSocket): Promise<unknown[]> {
  const plain = socket.service({ id: ECHO });
  plain.listen(BACKLOG);
  const failures: unknown[] = [];
  let id = 0n;
  for await (const incoming of plain) {
    const call = incoming.accept(id++);
    void call
      .readAll()
      .then((request) => {
        world.noteRun(request);
        return call.write(request);
      })
      .then(() => call.finish())
      .catch((cause: unknown) => {
        failures.push(cause);
        call.abort();
      });
  }
  return failures;
}
