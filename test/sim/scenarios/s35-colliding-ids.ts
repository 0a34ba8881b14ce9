// S35: connections whose ids are made to fall into one place of a plain table, beside honest clients.
import type { ConnTable } from "../../../src/core/conn-table.js";
import { Violation } from "../checkers.js";
import { rawCall, rawRequest } from "../raw-end.js";
import type { SimScenario } from "../run-seed.js";
import { HOSTILE_ID } from "../workload.js";

const CONNECTIONS_MAX = 256;

export const s35: SimScenario = {
  id: "S35",
  title: "crafted colliding ids",
  path: { delayMeanUs: 2_000 },
  faults: ["loss", "jitter", "copy", "reorder"],
  settlesUs: 60_000_000,
  start(world) {
    const server = world.addServer({
      options: { callsPerPeerMax: 128, connectionsMax: CONNECTIONS_MAX, callsMax: 256 },
    });
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
    world.repeat(20, 20_000, () => checkProbes(server.end.endpoint.local.connections));
    raw.onPacket = ({ header, ack }) => {
      if (header.type !== 1 && ack?.reason !== 6) return;
      const talker = rawCall(epoch, header.cid);
      const firstPacket = header.type === 1 ? header.seq + 1 : 1;
      raw.send(talker.ack({ firstPacket, reason: 7, serial: header.serial }, { serial: raw.nextSerial() }));
    };
  },
};

// A search in a half full table with linear probing looks at 1.5 cells on average. F14 allows twice what a random table has.
const MEAN_PROBES_MAX = 3;
const PROBED_LEAST = 32;

// Where the entries of the connections' table stand follows from their hashes: with linear probing the sum of the ways from
// home is the same whatever the order was in which they came.
function checkProbes({ known, pool }: ConnTable): void {
  if (known.count < PROBED_LEAST) return;
  let cells = 4;
  while (cells < CONNECTIONS_MAX * 2) cells *= 2;
  const taken = new Set<number>();
  let probes = 0;
  for (let i = 0; i < known.count; i++) {
    const { hash } = pool.at(known.at(i));
    let at = hash & (cells - 1);
    for (probes++; taken.has(at); probes++) at = (at + 1) & (cells - 1);
    taken.add(at);
  }
  if (probes > MEAN_PROBES_MAX * known.count)
    throw new Violation("S35", `${probes} cells looked at for ${known.count} connections`);
}
