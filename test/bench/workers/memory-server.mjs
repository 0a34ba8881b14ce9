// What a connection, a peer and a call weigh: resident memory of a server before and after there were many of them.
// Start it with --expose-gc and a young generation that does not grow (some 48 MiB otherwise, as it happens); the command
// is {"op":KIND,"count":N}, and it answers once.
import { collectedBytes } from "../memory/workers/memory-use.mjs";
import { HOLD_ID, startCrowdedServer } from "./crowded-server.mjs";
import { answerCommands } from "./worker.mjs";

// What the first calls leave behind (code, pools' first blocks) is no call's weight.
const WARM_UP = 2_000;
const HOSTS = 64;
const CHANNELS = 4;

answerCommands(async ({ op, count }) => {
  const begin = performance.now();
  const bytes = await weigh(op, count);
  return { ok: count, failed: 0, seconds: (performance.now() - begin) / 1000, bytesEach: bytes / count };
});

/**
 * @param {string} kind
 * @param {number} count
 */
async function weigh(kind, count) {
  const { crowd, handlers } = await startCrowdedServer(WARM_UP + (kind === "peer" ? 2 * count : count));
  await crowd.make({ first: 0, count: WARM_UP, hosts: HOSTS });
  switch (kind) {
    // On the peers that are there already.
    case "connection":
      return grown(() => crowd.make({ first: WARM_UP, count, hosts: HOSTS }));
    case "connection-and-peer":
      return grown(() => crowd.make({ first: WARM_UP, count, hosts: WARM_UP + count }));
    case "peer": {
      const alone = await grown(() => crowd.make({ first: WARM_UP, count, hosts: HOSTS }));
      const first = WARM_UP + count;
      return (await grown(() => crowd.make({ first, count, hosts: first + count }))) - alone;
    }
    // Live, its request read and its handler waiting, on connections that are there already.
    case "call": {
      const connections = count / CHANNELS;
      const what = { first: WARM_UP, count: connections, hosts: HOSTS, serviceId: HOLD_ID };
      await crowd.make(what);
      handlers.areHeld = true;
      crowd.isSilent = true;
      return grown(() => crowd.make({ ...what, channels: CHANNELS }));
    }
    default:
      throw new RangeError(`expected connection, connection-and-peer, peer or call, got "${kind}"`);
  }
}

/** @param {() => Promise<void>} make */
async function grown(make) {
  const before = await collectedBytes();
  await make();
  return (await collectedBytes()) - before;
}
