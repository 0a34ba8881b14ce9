// S11: the server vanishes while a call of it is in a certain state, and is there again at once without its memory.
import { CallState } from "../../../src/core/call-object.js";
import { END_FAULTS, PATH_FAULTS } from "../faults.js";
import type { SimScenario } from "../run-seed.js";
import type { World } from "../world.js";

const STATES = [
  CallState.ServerPrealloc,
  CallState.ServerRecvRequest,
  CallState.ServerAckRequest,
  CallState.ServerSendReply,
  CallState.ServerAwaitAck,
];
const LOOK_US = 500;
const LOOKS_MAX = 4_000;

export const s11: SimScenario = {
  id: "S11",
  title: "the server restarts in each state of a call",
  path: { delayMeanUs: 8_000, delayJitterUs: 4_000 },
  faults: [...PATH_FAULTS, ...END_FAULTS],
  mayFail: true,
  start(world) {
    world.addServer();
    world.addClients(world.pick(1, 3));
    world.addCalls(6, world.pick(1, 60_000), world.pick(1, 60_000), 400_000);
    restartIn(world, world.oneOf(STATES), LOOKS_MAX);
    // Later calls find a server that has never heard of their connection.
    world.addCalls(2, 1_000, 1_000, 5_000_000);
  },
};

function restartIn(world: World, state: CallState, looks: number): void {
  const [server] = world.servers;
  if (server === undefined || looks === 0) return;
  if (server.end.endpoint.local.calls.all.some((call) => call.state === state)) world.restartServer(server);
  else world.at(LOOK_US, () => restartIn(world, state, looks - 1));
}
