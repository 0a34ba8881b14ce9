// S18: senders that send a byte a minute and readers that never read. Each ends after the limit for no progress.
import { Violation } from "../checkers.js";
import { rawCall } from "../raw-end.js";
import type { SimScenario } from "../run-seed.js";
import { HOSTILE_ID, PatternCall, requestHead } from "../workload.js";

const NEVER_READS = { pauseUs: () => 1e15, stepBytes: () => 1 };

export const s18: SimScenario = {
  id: "S18",
  title: "drip senders, readers that never read",
  path: { delayMeanUs: 5_000 },
  faults: ["loss", "jitter", "copy", "reorder"],
  faultsUs: 150_000_000,
  endsWithinUs: 150_000_000,
  mayFail: true,
  settlesUs: 90_000_000,
  start(world) {
    world.addServer();
    world.addClients(1);
    const [client] = world.clients;
    if (client === undefined) return;
    for (let i = 0; i < 2; i++)
      world.calls.push(new PatternCall(client.end, client.bundle, 5_000 + i * 2, 10, 500_000, NEVER_READS));
    world.addCalls(4, 1_000, 1_000);
    const drip = world.addRaw("127.0.0.9", 5_000);
    const talker = rawCall(world.prng.int32(), world.prng.int32());
    let seq = 1;
    const send = (): void =>
      drip.send(
        talker.data(seq++, seq === 2 ? requestHead(HOSTILE_ID, 1_000, 10) : 1, 0, {
          serial: drip.nextSerial(),
        }),
      );
    // It answers every PING: only its lack of progress gives it away.
    drip.onPacket = ({ ack, header }) => {
      if (ack?.reason === 6)
        drip.send(talker.ack({ reason: 7, serial: header.serial }, { serial: drip.nextSerial() }));
    };
    send();
    world.repeat(3, 40_000_000, send);
  },
  expect(world) {
    const [server] = world.servers;
    if (server !== undefined && world.serviceOf(server).live > 0)
      throw new Violation("S18", `${world.serviceOf(server).live} calls without progress go on`);
    const honest = world.calls.filter((call) => call.replyBytes === 1_000);
    if (honest.some((call) => !call.isRight)) throw new Violation("S18", "an honest call failed beside them");
  },
};
