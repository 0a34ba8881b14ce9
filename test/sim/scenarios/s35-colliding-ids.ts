// S35: connections whose ids are made to fall into one place of a plain table, beside honest clients.
import { rawCall, rawRequest } from "../raw-end.js";
import type { SimScenario } from "../run-seed.js";
import { HOSTILE_ID } from "../workload.js";

export const s35: SimScenario = {
  id: "S35",
  title: "crafted colliding ids",
  path: { delayMeanUs: 2_000 },
  faults: ["loss", "jitter", "copy", "reorder"],
  settlesUs: 60_000_000,
  start(world) {
    world.addServer({ options: { callsPerPeerMax: 128, connectionsMax: 256, callsMax: 256 } });
    world.addClients(2);
    world.addCalls(8, 2_000, 2_000, 500_000);
    const raw = world.addRaw("127.0.0.9", 5_000);
    const epoch = world.prng.int32();
    const low = world.pick(0, 255) << 2;
    for (let i = 0; i < 100; i++)
      world.at(i * 2_000, () => {
        const talker = rawCall(epoch, (i << 16) | low);
        raw.send(talker.data(1, rawRequest(HOSTILE_ID + i, 10), 4, { serial: raw.nextSerial() }));
      });
    raw.onPacket = ({ header, ack }) => {
      if (header.type !== 1 && ack?.reason !== 6) return;
      const talker = rawCall(epoch, header.cid);
      const firstPacket = header.type === 1 ? header.seq + 1 : 1;
      raw.send(talker.ack({ firstPacket, reason: 7, serial: header.serial }, { serial: raw.nextSerial() }));
    };
  },
};
