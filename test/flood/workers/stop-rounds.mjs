// Starts a server, loads it, stops it at a random moment, and looks at what is left; again and again in one process.
// Prints one line of JSON. Usage: stop-rounds.mjs SEED ROUNDS GRACE_MS
import { RpcServer, RxSocket, service } from "../../../dist/index.js";
import { Random } from "./packets.mjs";
import { ECHO_ID, TIMER_ID } from "./service-ids.mjs";

const LANES = 12;
const STOP_WITHIN_MS = 25;
const HANDLER_MAX_MS = 20;
const BIG_BYTES = 96 * 1024;
// What a timer of the grace time may come late by, on a machine that does something else as well.
const LATE_MS = 250;
const SETTLE_MS = 5_000;
// What a call may be told that the stop has met.
const ENDS = new Set([
  "RX_ERR_CALL_ABORTED",
  "RX_ERR_NETWORK",
  "RX_ERR_SOCKET_CLOSED",
  "RX_ERR_CALL_TIMEOUT",
]);
const STRAY = ["unhandledRejection", "uncaughtException", "warning"];

const [seed, rounds, graceMs] = process.argv.slice(2).map(Number);
const random = new Random(seed ?? 1);
/** @type {string[]} */
const wrong = [];
for (const event of STRAY) process.on(event, (cause) => wrong.push(`${event}: ${cause}`));

const totals = { rounds: 0, calls: 0, replies: 0, underWay: 0, slowestMs: 0 };

/** @param {number} round */
async function runRound(round) {
  const server = new RpcServer();
  server.add(service({ id: ECHO_ID, call: async (call) => call.readAll() })).add(
    service({
      id: TIMER_ID,
      call: (call) => pause(random.below(HANDLER_MAX_MS)).then(() => call.readAll()),
    }),
  );
  const starting = server.start();
  // Some are stopped before they have started.
  const isEarly = random.below(20) === 0;
  if (!isEarly) await starting;
  const load = isEarly ? null : await Load.start(server.port);
  if (!isEarly) await pause(random.below(STOP_WITHIN_MS * 10) / 10);
  totals.underWay += server.running;
  const begin = performance.now();
  await Promise.all([server.drain({ timeoutMs: graceMs }), starting.catch(() => undefined)]);
  const tookMs = performance.now() - begin;
  totals.slowestMs = Math.max(totals.slowestMs, tookMs);
  if (tookMs > (graceMs ?? 0) + LATE_MS) wrong.push(`round ${round}: the stop took ${Math.round(tookMs)} ms`);
  await load?.stop();
  // Handlers of the user's own may still wait for a timer of theirs.
  for (
    const end = performance.now() + SETTLE_MS;
    server.running > 0 && performance.now() < end;
    await pause(2)
  );
  if (server.running > 0) wrong.push(`round ${round}: ${server.running} handlers run on`);
  const left = await handles();
  if (left.length > 0) wrong.push(`round ${round}: left ${left.join(", ")}`);
  totals.rounds++;
}

/** Calls of all sorts, one after the other on each lane. */
class Load {
  #isOver = false;
  #socket;
  /** @type {Promise<void>[]} */
  #lanes;

  /**
   * @param {RxSocket} socket
   * @param {number} port
   */
  constructor(socket, port) {
    this.#socket = socket;
    const to = (/** @type {number} */ serviceId) => socket.connect({ host: "127.0.0.1", port, serviceId });
    const [echo, timer] = [to(ECHO_ID), to(TIMER_ID)];
    this.#lanes = Array.from({ length: LANES }, (_, lane) =>
      this.#run(lane % 3 === 0 ? timer : echo, lane % 4 === 3 ? BIG_BYTES : 64),
    );
  }

  /** @param {number} port */
  static async start(port) {
    return new Load(await RxSocket.bind(), port);
  }

  async stop() {
    this.#isOver = true;
    await this.#socket.close();
    await Promise.all(this.#lanes);
  }

  /**
   * @param {import("../../../dist/index.js").RxConnection} connection
   * @param {number} bytes
   */
  async #run(connection, bytes) {
    while (!this.#isOver) {
      totals.calls++;
      try {
        const reply = await connection.call(new Uint8Array(bytes), { deadlineMs: 2_000 });
        totals.replies++;
        if (reply.length !== bytes) wrong.push(`${reply.length} bytes instead of ${bytes}`);
      } catch (cause) {
        if (!ENDS.has(cause?.code)) wrong.push(`a call ended with ${cause}`);
        await pause(1);
      }
    }
  }
}

/** What keeps this process alive, besides its pipes. A socket is closed in a later turn than the one that says so. */
async function handles() {
  await pause(1);
  return process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY|^PipeWrap$|FSReq/.test(name));
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// Below what it uses: a class is not there before its line.
for (let round = 0; round < (rounds ?? 1); round++) await runRound(round);
const left = await handles();
if (left.length > 0) wrong.push(`left at the end: ${left.join(", ")}`);
process.stdout.write(
  `${JSON.stringify({ ...totals, wrong: [...new Set(wrong)].slice(0, 10), missed: wrong.length })}\n`,
);
process.exitCode = wrong.length > 0 ? 1 : 0;
