// Strangers and tables: ids that nobody can guess, tables that nobody can fill or slow down, and bytes that are all our own.
import { describe, expect, test } from "vitest";
import type { CallHandle } from "../../../src/core/call-handle.js";
import type { Call } from "../../../src/core/call-object.js";
import type { ConnTable } from "../../../src/core/conn-table.js";
import { Stat } from "../../../src/core/stats.js";
import { nullSecurity } from "../../../src/security/null.js";
import type { Address } from "../../../src/util/address.js";
import { HashIndex } from "../../../src/util/hash-index.js";
import { KeyedHash } from "../../../src/util/keyed-hash.js";
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { writeVersionReply } from "../../../src/wire/version.js";
import { Simulation } from "../../sim/pair.js";
import { runScenario } from "../../sim/scenario.js";
import { openBundle, PatternCall, PatternService } from "../../sim/workload.js";
import { openTestBundle } from "./calls.js";
import { FakeSecurity, GOOD } from "./fake-security.js";
import { clientTalker, type Talker } from "./packets.js";
import { addressOf, LAST, Listener, nameOf, Rig } from "./rig.js";

const on = (n: number, fields = {}): Talker => clientTalker({ cid: 0x10_000 + n * 4, ...fields });

/** Everything that two ends say to each other over memory filled with `poison`, lost packets and refusals included. */
function conversation(poison: number): string[] {
  const simulation = new Simulation({
    seed: 7,
    poison,
    faults: { lossRate: 0.1, lossBurstMax: 2, delayMeanUs: 5_000 },
  });
  const server = simulation.addEnd({ host: "127.0.0.1", port: 7009, options: { trusted: [] } });
  const client = simulation.addEnd({ host: "127.0.0.2", port: 40_000 });
  new PatternService(server, { style: "user" }, 2);
  const said: string[] = [];
  for (const end of [server, client]) {
    end.loses = (bytes, offset, length) => {
      said.push(Buffer.from(bytes.subarray(offset, offset + length)).toString("hex"));
      return false;
    };
  }
  const bundle = openBundle(client, server.address, 4);
  const calls = Array.from({ length: 8 }, (_, i) => new PatternCall(client, bundle, i * 2, 9_001, 20_001));
  simulation.runUntil(() => calls.every((call) => call.isEnded), 60_000_000);
  return said;
}

/** The same of what a security class, a connection and a tool are sent, after the reply ring has been used up once. */
function replies(poison: number): string[] {
  const rig = new Rig({
    security: [nullSecurity, new FakeSecurity()],
    options: { versionText: `rx ${poison}`.padEnd(poison & 31, "z") },
  });
  rig.endpoint.local.buffers.bytes.fill(poison);
  rig.offer({}, 1);
  const asked = clientTalker({ cid: 0, callNumber: 7 });
  for (let i = 0; i < 64; i++) rig.exchange(asked.of(PacketType.Version, Uint8Array.of(0)));
  const said: string[] = [];
  const tell = (bytes: Uint8Array): void => {
    rig.feed(bytes);
    rig.drain();
    said.push(...rig.poll().map((one) => Buffer.from(one.bytes).toString("hex")));
  };
  const fixed = { serial: 5 };
  tell(on(0, { securityIndex: 2 }).data(1, 20, LAST, fixed));
  tell(on(1).data(1, 8, 0, fixed));
  tell(on(1, { serviceId: 9 }).data(1, 8, 0, fixed));
  tell(on(0, { securityIndex: 2, callNumber: 0 }).of(PacketType.Response, Uint8Array.of(GOOD), fixed));
  tell(on(0, { securityIndex: 2 }).data(3, 20, 0, fixed));
  tell(on(0, { securityIndex: 2 }).data(1, 20, 0, fixed));
  for (let type = 1; type < 6; type++) {
    tell(asked.of(PacketType.Debug, Uint8Array.of(0, 0, 0, type, 0, 0, 0, 0), fixed));
    tell(asked.of(PacketType.Debug, Uint8Array.of(0, 0, 0, type, 0, 0, 0, 9), fixed));
  }
  return said;
}

describe("F: what we send and what we keep", () => {
  test("F9: what is sent is the same whatever memory held before: calls with losses, jumbograms and refusals", () => {
    const said = conversation(0xa5);
    expect(said.length).toBeGreaterThan(100);
    expect(conversation(0x00)).toEqual(said);
  });

  test("F9: the same holds of challenges, refusals and answers to tools in memory that was used before", () => {
    const said = replies(0xa5);
    expect(said.length).toBeGreaterThan(12);
    expect(replies(0x3c)).toEqual(said);
  });

  test("F9: a refusal is 28 bytes, or 32, each of them known", () => {
    const rig = new Rig();
    rig.offer({}, 1);
    rig.exchange(on(0).data(1));
    rig.feed(on(1).data(1, 8, 0, { cksum: 0xbeef, userStatus: 7 }));
    rig.feed(on(2, { serviceId: 9 }).data(1));
    const [busy, abort] = rig.poll();
    expect([busy, abort].map((one) => one && nameOf(one))).toEqual(["BUSY", "ABORT -2"]);
    expect([busy?.bytes.length, abort?.bytes.length]).toEqual([HEADER_SIZE, HEADER_SIZE + 4]);
    expect(busy?.header).toMatchObject({ seq: 0, serial: 0, userStatus: 0, cksum: 0, flags: 0 });
  });

  test("F9: an answer to VERSION has zeros behind its text, whatever was in its memory", () => {
    const bytes = new Uint8Array(200).fill(0xa5);
    const end = writeVersionReply(bytes, HEADER_SIZE, Uint8Array.of(0x72, 0x78), 59);
    expect([end, [...bytes.subarray(HEADER_SIZE, HEADER_SIZE + 2)]]).toEqual([
      HEADER_SIZE + 59,
      [0x72, 0x78],
    ]);
    expect(bytes.subarray(HEADER_SIZE + 2, end).every((byte) => byte === 0)).toBe(true);
  });

  test("F11: epochs and connection ids come from the random source, and one does not tell the next", () => {
    const ids = (seed: number): { epoch: number; cids: number[] } => {
      const rig = new Rig({ seed });
      const bundle = openTestBundle(rig, 16);
      const cids = Array.from({ length: 64 }, () => {
        const call = rig.endpoint.beginCall(bundle, new Listener()).call as Call;
        return (call.connection?.connectionId as number) >>> 0;
      });
      return { epoch: rig.endpoint.local.epoch, cids: [...new Set(cids)] };
    };
    const [first, second] = [ids(1), ids(2)];
    expect(first.epoch).not.toBe(second.epoch);
    for (const { epoch, cids } of [first, second]) {
      expect([epoch < 0, (epoch >>> 30) & 1]).toEqual([true, 0]);
      expect(cids.length).toBe(16);
      const steps = cids.slice(1).map((cid, i) => (cid - (cids[i] as number)) | 0);
      expect(new Set(steps).size).toBe(15);
      // Over the whole range, and not in some corner of it.
      expect(new Set(cids.map((cid) => cid >>> 29)).size).toBeGreaterThan(4);
    }
    expect(first.cids.filter((cid) => second.cids.includes(cid))).toEqual([]);
  });

  test("F12: endless new addresses stay within the caps, and no proven peer gives way to them", () => {
    const rig = new Rig({
      options: { strangersMax: 8, strangersPerHostMax: 4, connectionsMax: 64, peersMax: 64 },
    });
    const service = rig.offer({ callsPerPeerMax: 64 }, 4);
    const { connections, peers } = rig.endpoint.local;
    // A friend with an idle connection, and one with a call that runs.
    rig.exchange(on(0).data(1, 8, LAST));
    service.reject(rig.newCalls[0] as CallHandle, -6);
    rig.exchange(on(1).data(1));
    service.accept(rig.newCalls[1] as CallHandle, 1n);
    rig.drain();
    rig.poll();
    for (let n = 0; n < 5_000; n++) {
      const host = `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
      const before = rig.newCalls.length;
      rig.exchange(on(n + 10).data(1, 8, LAST), addressOf(host, 7_001));
      if (rig.newCalls.length > before && n % 3 > 0) service.reject(rig.newCalls.at(-1) as CallHandle, -6);
      rig.drain();
      rig.poll();
      expect(peers.strangers).toBeLessThanOrEqual(8);
      rig.nowUs += 1_000;
    }
    expect(connections.known.count).toBeLessThanOrEqual(64);
    const { epoch } = on(0).shared;
    for (const n of [0, 1]) expect(connections.find(epoch as number, 0x10_000 + n * 4, true)).not.toBe(null);
    expect(rig.newCalls[1]?.isEnded).toBe(false);
    expect(rig.stat(Stat.ConnectionsReaped)).toBeGreaterThan(0);
  });

  test("F12: the stranger that has been idle for longest gives way first, and its request is not run again", () => {
    const rig = new Rig({ options: { strangersMax: 2 } });
    const service = rig.offer({}, 4);
    const from = (n: number): Address => addressOf(`192.0.2.${n + 1}`, 7_001);
    for (const n of [0, 1]) {
      rig.exchange(on(n).data(1, 8, LAST), from(n));
      service.reject(rig.newCalls[n] as CallHandle, -6);
      rig.drain();
      rig.poll();
      rig.nowUs += 1_000_000;
    }
    rig.exchange(on(2).data(1, 8, LAST), from(2));
    const { connections } = rig.endpoint.local;
    const { epoch } = on(0).shared;
    const known = [0, 1, 2].map((n) => connections.find(epoch as number, 0x10_000 + n * 4, true) !== null);
    expect(known).toEqual([false, true, true]);
    const runs = rig.newCalls.length;
    expect(rig.exchange(on(0).data(1, 8, LAST), from(0))).toEqual([]);
    expect([rig.newCalls.length, rig.stat(Stat.DropOldCall)]).toEqual([runs, 1]);
  });

  test("F13: a peer that asks without end while nothing can be sent is owed a bounded number of packets", () => {
    const rig = new Rig();
    rig.offer({}, 1);
    rig.exchange(on(0).data(1, 8));
    const asked = clientTalker({ cid: 0, callNumber: 7 });
    for (let i = 0; i < 2_000; i++) {
      rig.feed(on(0).ping());
      rig.feed(on(0).data(1));
      rig.feed(on(0).data(40 + i));
      rig.feed(on(1 + i).data(1));
      rig.feed(on(1 + i, { serviceId: 9 }).data(1));
      rig.feed(asked.of(PacketType.Version, Uint8Array.of(0)));
      rig.feed(asked.of(PacketType.Debug, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0)));
      rig.feed(on(0, { callNumber: 1 }).abort(0));
    }
    rig.drain();
    const owed = rig.poll();
    expect(owed.length).toBeLessThanOrEqual(64 + 2);
    expect(rig.buffersUsed).toBeLessThanOrEqual(1);
  });

  test("F14: 10 000 ids crafted to collide are looked up as fast as any", () => {
    const { connections } = new Rig().endpoint.local;
    const random = Array.from({ length: IDS }, (_, i) => [
      Math.imul(i + 1, 0x9e3779b1),
      Math.imul(i + 7, 0x85ebca6b) & ~3,
    ]) as Ids;
    const fair = meanProbes(connections, random);
    expect(fair).toBeLessThan(1.5);
    for (const crafted of [sameXor(), sameLowBits(), counting(), collidingWithoutKey()]) {
      expect(crafted.length).toBe(IDS);
      expect(meanProbes(connections, crafted)).toBeLessThan(2 * fair);
    }
  });

  test.each([8, 1_200])(
    "F16: honest calls keep their pace while %i strangers send ten packets for each of theirs",
    (hosts) => {
      const took = [false, true].map((isFlooded) => {
        const run = runScenario(
          {
            faults: { delayMeanUs: 1_000 },
            clients: 4,
            callsPerClient: 100,
            connectionsMax: 2,
            requestBytes: 40,
            replyBytes: 3_000,
            // The honest ones stand in the trusted range.
            serverOptions: { trusted: ["127.0.0.0/8"] },
            limitUs: 60_000_000,
            prepare: ({ simulation, server, clients }) => {
              if (!isFlooded) return;
              const ports = Array.from({ length: hosts }, (_, i) =>
                simulation.network.attach(`100.64.${i >> 8}.${i & 255}`, 7_001),
              );
              for (const port of ports) void port.open({ handleDatagram: () => {}, handleError: () => {} });
              let n = 0;
              for (const client of clients) {
                client.watch = () => {
                  for (let i = 0; i < 10; i++) {
                    const bytes = junk(n);
                    const port = ports[n++ % ports.length] as (typeof ports)[0];
                    port.send(bytes, 0, bytes.length, server.address, "");
                  }
                };
              }
            },
          },
          3,
        );
        return run.tookUs;
      }) as [number, number];
      expect(took[1] * 0.7).toBeLessThanOrEqual(took[0]);
    },
  );
});

/** New calls, packets of no call, packets of every type. */
function junk(n: number): Uint8Array {
  switch (n % 4) {
    case 0:
      return on(100 + n, { epoch: 77 }).data(1, 8, LAST);
    case 1:
      return on(100 + n, { epoch: 77 }).ping();
    case 2:
      return on(100 + n, { epoch: 77, serviceId: 9 }).data(1);
    default:
      return on(100 + n, { flags: (n >> 2) & 1 }).of((n >> 3) & 15, new Uint8Array(20));
  }
}

const IDS = 10_000;
type Ids = readonly (readonly [epoch: number, cid: number])[];

/** Cells looked at to find an id, on average, in a table of these. */
function meanProbes(table: ConnTable, ids: Ids): number {
  let cells = 4;
  while (cells < 2 * ids.length) cells *= 2;
  const index = new HashIndex(ids.length);
  const hashes = ids.map(([epoch, cid]) => table.hashOf(epoch, cid, true));
  for (const [slot, hash] of hashes.entries()) index.insert(hash, slot);
  let probes = 0;
  for (const [slot, hash] of hashes.entries()) {
    let at = index.first(hash);
    while (at >= 0 && index.slotAt(at) !== slot) at = index.next(at, hash);
    probes += ((at - hash) & (cells - 1)) + 1;
  }
  return probes / ids.length;
}

const sameXor = (): Ids => Array.from({ length: IDS }, (_, i) => [(i * 4) ^ 0x1234_5670, i * 4]);
const sameLowBits = (): Ids => Array.from({ length: IDS }, (_, i) => [5, i << 16]);
const counting = (): Ids => Array.from({ length: IDS }, (_, i) => [5, i * 4]);

/** Ids that fall into a 16th of a table whose hash has no secret. */
function collidingWithoutKey(): Ids {
  const hash = new KeyedHash(0, 0);
  const words = new Int32Array([5, 0, 1]);
  const found: (readonly [number, number])[] = [];
  for (let cid = 0; found.length < IDS; cid += 4) {
    words[1] = cid;
    if ((hash.hash(words, 3) & 0x7fff) < 0x800) found.push([5, cid]);
  }
  return found;
}
