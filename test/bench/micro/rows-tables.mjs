// Rows about what must not grow: look-ups among many connections, look-ups of ids that were chosen to collide, and what a
// packet costs beside connections that do nothing.
import { EndpointConfig } from "../../../dist/core/config.js";
import { ConnTable } from "../../../dist/core/conn-table.js";
import { Prng } from "../../../dist/transport/prng.js";
import { KeyedHash } from "../../../dist/util/keyed-hash.js";
import { PacketType } from "../../../dist/wire/packet-type.js";
import { seededRandom, shuffled } from "../statistics.mjs";
import { families, WITHOUT_KEY } from "./crafted-ids.mjs";
import { dataIn, Rig, randomIds, refusals } from "./rig.mjs";
import { line, timeWithoutGarbage } from "./stage.mjs";

const SIZES = [100, 10_000, 100_000];
// One connection of so many has a call under way, the others have had theirs.
const LIVE_EACH = 25;
const CRAFTED = 10_000;
const CRAFTED_RATIO_MAX = 2;
const IDLE_RATIO_MAX = 1.2;
const DAY_MS = 24 * 3_600_000;

/** @param {number} connections */
function tableOptions(connections) {
  return { connectionsMax: connections + 128, callsMax: 8_192, idleConnectionMs: DAY_MS };
}

/**
 * Packets to all connections in turn that mean nothing to the call that they find, and are dropped there.
 *
 * @param {number} connections
 */
function demux(connections) {
  const rig = new Rig(tableOptions(connections));
  const { epochs, cids } = randomIds(connections);
  for (let i = 0; i < connections; i++) {
    if (i % LIVE_EACH === 0) rig.begin(epochs[i], cids[i]).discardInput();
    else rig.beginIdle(epochs[i], cids[i]);
  }
  const order = Int32Array.from(shuffled([...cids.keys()], seededRandom(2)));
  const shuffledEpochs = order.map((i) => epochs[i]);
  const shuffledCids = order.map((i) => cids[i]);
  rig.write(PacketType.Response, 0, 0, 1, 0);
  let at = 0;
  return (count) => {
    for (let i = 0; i < count; i++) {
      if (++at === connections) at = 0;
      rig.address(shuffledEpochs[at], shuffledCids[at]);
      rig.feed();
    }
    return at;
  };
}

/** Half of the ids are in a table of their own, under a key of its own. */
class Lookups {
  #table;
  #epochs;
  #cids;

  /**
   * @param {import("./crafted-ids.mjs").Ids} ids twice as many as fit
   * @param {KeyedHash} hash
   */
  constructor({ epochs, cids }, hash) {
    this.#epochs = epochs;
    this.#cids = cids;
    this.#table = new ConnTable(new EndpointConfig({ connectionsMax: CRAFTED }), hash);
    for (let i = 0; i < CRAFTED; i++) {
      const connection = this.#table.pool.take();
      connection.epoch = epochs[i];
      connection.connectionId = cids[i];
      connection.isService = true;
      this.#table.enter(connection);
    }
  }

  /**
   * @param {string} name
   * @param {boolean} areKnown
   * @returns {import("./stage.mjs").Case}
   */
  look(name, areKnown) {
    const from = areKnown ? 0 : CRAFTED;
    const order = shuffled([...Array(CRAFTED).keys()], seededRandom(3));
    const epochs = Int32Array.from(order, (i) => this.#epochs[from + i]);
    const cids = Int32Array.from(order, (i) => this.#cids[from + i]);
    const table = this.#table;
    let at = 0;
    const run = (count) => {
      let found = 0;
      for (let i = 0; i < count; i++) {
        if (++at === CRAFTED) at = 0;
        if (table.find(epochs[at], cids[at], true) !== null) found++;
      }
      return found;
    };
    if (run(CRAFTED) !== (areKnown ? CRAFTED : 0)) throw new Error(`${name}: ids are not distinct`);
    return { name: `${name}, ${areKnown ? "known" : "unknown"}`, run };
  }
}

/** @param {import("./stage.mjs").Stage} stage */
async function craftedIds(stage) {
  const keys = new Prng(4);
  /** @param {string} name @param {import("./crafted-ids.mjs").Ids} ids */
  const casesOf = (name, ids, hash = new KeyedHash(keys.int32(), keys.int32())) => {
    const lookups = new Lookups(ids, hash);
    return [lookups.look(name, true), lookups.look(name, false)];
  };
  const cases = casesOf("random ids", randomIds(2 * CRAFTED));
  for (const [name, make] of families) cases.push(...casesOf(name, make(2 * CRAFTED)));
  // Shows that such ids do collide where the secret is out.
  const [, betrayed] = families.find(([name]) => name === WITHOUT_KEY);
  const [control] = casesOf("with the key known", betrayed(2 * CRAFTED), new KeyedHash(0, 0));
  const timings = await stage.time(cases);
  const ratios = timings.map(({ median }, i) => median / timings[i & 1].median);
  const worst = Math.max(...ratios.slice(2));
  const [known] = await stage.time([control]);
  return {
    passed: worst <= CRAFTED_RATIO_MAX,
    figure: worst.toFixed(2),
    notes: [
      ...timings.map((timing, i) => `${line(timing)}: ${ratios[i].toFixed(2)}`),
      `for comparison, ${line(known)}: ${(known.median / timings[0].median).toFixed(0)}`,
    ],
    values: { worst, timings, ratios, known },
  };
}

/**
 * DATA in and ACK out for a few calls, or refusals, with timers at their time, beside connections that nothing comes for.
 *
 * @param {number} idle
 * @param {(rig: Rig) => (count: number) => number} make
 */
function besideIdle(idle, make) {
  const rig = new Rig(tableOptions(idle));
  const { epochs, cids } = randomIds(idle);
  for (let i = 0; i < idle; i++) rig.beginIdle(epochs[i], cids[i]);
  const run = make(rig);
  const { endpoint } = rig;
  const { known } = endpoint.local.connections;
  const connections = known.count;
  return (count) => {
    let sent = 0;
    for (let done = 0; done < count; done += 64) {
      if (endpoint.nextTimeoutUs() <= rig.now[0]) endpoint.handleTimeout(rig.now[0]);
      sent += run(64);
    }
    if (known.count !== connections) throw new Error("connections were lost");
    return sent;
  };
}

/** @param {import("./stage.mjs").Stage} stage */
async function idleConnections(stage) {
  const kinds = [
    ["DATA", dataIn],
    ["refused", (rig) => refusals(rig, true)],
  ];
  const cases = kinds.flatMap(([name, make]) =>
    SIZES.map((idle) => ({ name: `${name}, beside ${idle}`, run: besideIdle(idle, make) })),
  );
  const timings = await stage.time(cases);
  const ratios = timings.map(({ median }, i) => median / timings[i - (i % SIZES.length)].median);
  const [, , ratio] = ratios;
  return {
    passed: ratio <= IDLE_RATIO_MAX,
    figure: ratio.toFixed(2),
    notes: [
      ...timings.map((timing, i) => `${line(timing)}: ${ratios[i].toFixed(2)}`),
      "told and not held: a refused packet looks at a place of the index that no packet has looked at before",
    ],
    values: { ratio, ratios, timings },
  };
}

/** @type {Record<string, (stage: import("./stage.mjs").Stage) => Promise<import("../memory/report.mjs").Finding>>} */
export const rows = {
  demux: (stage) =>
    timeWithoutGarbage(
      stage,
      SIZES.map((size) => ({ name: `of ${size}`, run: demux(size) })),
    ),
  "crafted-ids": craftedIds,
  "idle-connections": idleConnections,
};
