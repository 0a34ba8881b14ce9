// S16: strangers send ten packets for each of the honest clients, whose calls go on nearly as fast as without them.
import { Violation } from "../checkers.js";
import { type RawEnd, rawCall, rawRequest } from "../raw-end.js";
import type { SimScenario } from "../run-seed.js";
import { HOSTILE_ID } from "../workload.js";
import type { ClientSide, World } from "../world.js";

const ADDRESSES = 40;
const STRANGERS_MAX = 32;
const FACTOR = 10;
// Before it, everybody has had the time to prove its address.
const FLOOD_FROM_US = 500_000;
const FLOOD_UNTIL_US = 2_500_000;
const STEP_US = 4_000;
const THINK_US = 100_000;
/** F16: what honest peers keep of their goodput. */
const GOODPUT_KEPT = 0.7;

export const s16: SimScenario = {
  id: "S16",
  title: "strangers at 10x beside honest peers",
  path: { delayMeanUs: 2_000 },
  faults: ["jitter", "reorder", "copy", "slowHandler"],
  settlesUs: 100_000_000,
  start(world) {
    // Honest is who has proved its address, or need not.
    const host = world.oneOf(["127.0.0.2", "192.0.2.7"]);
    const options = { strangersMax: STRANGERS_MAX, strangersPerHostMax: 8, callsMax: 64 };
    const server = world.addServer({ options: { ...options, trusted: ["127.0.0.0/8"] } });
    world.addClients(world.pick(1, 3), { host, connectionsMax: 1 });
    for (const client of world.clients) for (let i = 0; i < 2; i++) callOnAndOn(world, client);
    const prng = world.prng.fork();
    if (world.isQuiet) return;
    const strangers = Array.from({ length: ADDRESSES }, (_, i) =>
      world.addRaw(`198.18.${i & 7}.${1 + i}`, 5_000 + i),
    );
    let sent = 0;
    let before = 0;
    world.repeat(FLOOD_UNTIL_US / STEP_US, STEP_US, () => {
      const honest = world.clients.reduce((sum, { end }) => sum + end.port.counters.datagramsOut, 0);
      if (world.simulation.elapsedUs < FLOOD_FROM_US) before = honest;
      else for (; sent < (honest - before) * FACTOR; sent++) knock(world.oneOf(strangers), prng);
    });
    const { peers } = server.end.endpoint.local;
    world.repeat(100, 40_000, () => {
      if (peers.strangers > STRANGERS_MAX) throw new Violation("O4", `${peers.strangers} strangers`);
    });
  },
  expect(world) {
    const [server] = world.servers;
    if (server !== undefined && world.serviceOf(server).live > 0)
      throw new Violation("S16", "calls of strangers go on");
  },
  compare(world, quiet) {
    const [kept, whole] = [goodput(world), goodput(quiet)];
    if (kept < GOODPUT_KEPT * whole)
      throw new Violation("S16", `${kept} bytes for the honest in the flood, and ${whole} without it`);
  },
};

// The next call begins a while after the last one has ended, until the flood is over.
function callOnAndOn(world: World, client: ClientSide): void {
  const call = world.call(client, 1_000, 5_000);
  const look = (): void => {
    if (call?.isEnded === false) world.at(STEP_US, look);
    else if (world.simulation.elapsedUs < FLOOD_UNTIL_US)
      world.begin(THINK_US, () => callOnAndOn(world, client));
  };
  world.at(STEP_US, look);
}

function goodput(world: World): number {
  const startUs = world.simulation.nowUs - world.simulation.elapsedUs;
  return world.calls
    .filter(
      ({ isRight, endedUs }) =>
        isRight && endedUs - startUs > FLOOD_FROM_US && endedUs - startUs <= FLOOD_UNTIL_US,
    )
    .reduce((sum, { requestBytes, replyBytes }) => sum + requestBytes + replyBytes, 0);
}

function knock(stranger: RawEnd, prng: World["prng"]): void {
  const talker = rawCall(prng.int32(), prng.int32(), { callNumber: 1 + prng.below(4) });
  const seq = prng.chance(0.8) ? 1 : prng.below(100);
  const flags = prng.chance(0.5) ? 4 : 0;
  const request = rawRequest(HOSTILE_ID, prng.below(20_000));
  stranger.send(talker.data(seq, request, flags, { serial: stranger.nextSerial() }));
}
