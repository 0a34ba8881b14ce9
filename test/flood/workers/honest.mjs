// Clients that behave: calls one after the other on so many lanes, and how many ended well in each tenth of a second.
import { RxClient } from "../../../dist/index.js";
import { answerCommands } from "../../bench/workers/worker.mjs";

const SLICE_MS = 100;
const REQUEST = new Uint8Array(128);
const ERRORS_MAX = 5;

/** @type {Load | undefined} */
let load;

answerCommands(async (command) => {
  switch (command.op) {
    case "start":
      load = new Load(command);
      return load.start();
    case "series":
      return load?.series();
    case "stop":
      return load?.stop();
    // How long a client that comes anew waits for its first reply.
    case "newcomer":
      return newcomer(command);
    default:
      throw new RangeError(`no such op: ${command.op}`);
  }
});

class Load {
  /** @type {number[]} */
  #ok = [];
  #failed = 0;
  /** @type {Set<string>} */
  #errors = new Set();
  /** @type {RxClient[]} */
  #clients = [];
  /** @type {Promise<void>[]} */
  #lanes = [];
  #isOver = false;
  #begin = performance.now();
  #settings;

  /**
   * @param {object} settings
   * @param {number} settings.port
   * @param {number} settings.serviceId
   * @param {number} settings.clients
   * @param {number} settings.outstanding lanes of each client
   * @param {number} [settings.thinkMs] pause of a lane between two calls
   * @param {number} [settings.deadlineMs]
   */
  constructor(settings) {
    this.#settings = settings;
  }

  async start() {
    const { port, serviceId, clients, outstanding, deadlineMs = 30_000 } = this.#settings;
    this.#begin = performance.now();
    for (let i = 0; i < clients; i++) {
      const client = await RxClient.connect({ host: "127.0.0.1", port, serviceId });
      this.#clients.push(client);
      for (let lane = 0; lane < outstanding; lane++) this.#lanes.push(this.#run(client, deadlineMs));
    }
    return {};
  }

  series() {
    const beginMs = performance.timeOrigin + this.#begin;
    return { beginMs, sliceMs: SLICE_MS, ok: this.#ok, failed: this.#failed, errors: [...this.#errors] };
  }

  async stop() {
    this.#isOver = true;
    await Promise.all(this.#lanes);
    await Promise.all(this.#clients.map((client) => client.close()));
    return { failed: this.#failed, errors: [...this.#errors] };
  }

  /**
   * @param {RxClient} client
   * @param {number} deadlineMs
   */
  async #run(client, deadlineMs) {
    const { thinkMs = 0 } = this.#settings;
    while (!this.#isOver) {
      try {
        const reply = await client.call(REQUEST, { deadlineMs });
        if (reply.length !== REQUEST.length) throw new Error(`${reply.length} bytes came back`);
        const slice = Math.floor((performance.now() - this.#begin) / SLICE_MS);
        while (this.#ok.length <= slice) this.#ok.push(0);
        this.#ok[slice]++;
        if (thinkMs > 0) await pause(thinkMs);
      } catch (cause) {
        this.#failed++;
        if (this.#errors.size < ERRORS_MAX) this.#errors.add(String(cause));
        // A server that has gone fails every call at once.
        await pause(1);
      }
    }
  }
}

/** @param {{ port: number, serviceId: number }} command */
async function newcomer({ port, serviceId }) {
  const client = await RxClient.connect({ host: "127.0.0.1", port, serviceId });
  const begin = performance.now();
  try {
    await client.call(REQUEST, { deadlineMs: 10_000 });
    return { ms: performance.now() - begin };
  } catch (cause) {
    return { ms: 1e9, error: String(cause) };
  } finally {
    await client.close();
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
