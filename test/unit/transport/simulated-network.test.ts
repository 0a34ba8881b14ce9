import { describe, expect, test } from "vitest";
import { type FaultSettings, LinkFaults, NO_FAULTS } from "../../../src/transport/link-faults.js";
import { Prng } from "../../../src/transport/prng.js";
import { SimulatedNetwork, type SimulatedPort } from "../../../src/transport/simulated-network.js";
import { Address } from "../../../src/util/address.js";
import { bytesOf, RecordingSink } from "./recording-sink.js";

interface Ends {
  network: SimulatedNetwork;
  a: SimulatedPort;
  b: SimulatedPort;
  atA: RecordingSink;
  atB: RecordingSink;
}

function pair(seed: number, faults: Partial<FaultSettings> = {}): Ends {
  const network = new SimulatedNetwork({ seed, faults });
  const a = network.attach("10.0.0.1", 7000);
  const b = network.attach("10.0.0.2", 7001);
  const [atA, atB] = [new RecordingSink(), new RecordingSink()];
  void a.open(atA);
  void b.open(atB);
  return { network, a, b, atA, atB };
}

function send(from: SimulatedPort, to: SimulatedPort | Address, text: string): boolean {
  const address = to instanceof Address ? to : to.local;
  const bytes = bytesOf(text);
  return from.send(bytes, 0, bytes.length, address, address.format());
}

/** Sends this many numbered datagrams at one time and lets them arrive. */
function arrivals(ends: Ends, count: number): number[] {
  for (let i = 0; i < count; i++) send(ends.a, ends.b, String(i));
  ends.network.runUntil(Number.POSITIVE_INFINITY);
  return ends.atB.texts.map(Number);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("SimulatedNetwork", () => {
  test("delivers bytes and sender, later and in order, and not from within send", () => {
    const ends = pair(1);
    const bytes = new Uint8Array(50).fill(1);
    ends.a.send(bytes, 10, 20, ends.b.local, "10.0.0.2");
    bytes.fill(2);
    send(ends.a, ends.b, "second");
    expect(ends.atB.datagrams.length).toBe(0);
    expect(ends.network.step()).toBe(true);
    expect(ends.atB.datagrams.length).toBe(1);
    expect(ends.network.step()).toBe(true);
    expect(ends.network.step()).toBe(false);
    expect(ends.atB.datagrams[0]?.bytes).toEqual(new Uint8Array(20).fill(1));
    expect(ends.atB.texts[1]).toBe("second");
    expect(ends.atB.datagrams[0]?.remote.equals(ends.a.local)).toBe(true);
    expect(ends.a.counters).toMatchObject({ datagramsOut: 2, bytesOut: 26 });
    expect(ends.b.counters).toMatchObject({ datagramsIn: 2, bytesIn: 26 });
  });

  test("time moves with the events and to the end of runUntil", () => {
    const ends = pair(1, { delayMeanUs: 1000 });
    send(ends.a, ends.b, "x");
    expect(ends.network.nextAtUs).toBe(1000);
    ends.network.runUntil(999);
    expect(ends.atB.datagrams.length).toBe(0);
    expect(ends.network.nowUs()).toBe(999);
    ends.network.runUntil(5000);
    expect(ends.atB.datagrams.length).toBe(1);
    expect(ends.network.nowUs()).toBe(5000);
    expect(ends.network.nextAtUs).toBe(Number.POSITIVE_INFINITY);
  });

  test("the same seed gives the same run, another seed another", () => {
    const faults: Partial<FaultSettings> = {
      lossRate: 0.2,
      lossBurstMax: 3,
      copyRate: 0.3,
      reorderRate: 0.2,
      delayMeanUs: 50_000,
      delayJitterUs: 40_000,
      damageRate: 0.2,
    };
    const run = (seed: number): [number, string[]] => {
      const ends = pair(seed, faults);
      for (let i = 0; i < 300; i++) {
        send(ends.a, ends.b, `a${i}`);
        send(ends.b, ends.a, `b${i}`);
        ends.network.runUntil(ends.network.nowUs() + 1000);
      }
      ends.network.runUntil(Number.POSITIVE_INFINITY);
      return [ends.network.traceHash, [...ends.atA.texts, ...ends.atB.texts]];
    };
    expect(run(5)).toEqual(run(5));
    expect(run(5)[0]).not.toBe(run(6)[0]);
  });

  test("poisons what it lent", () => {
    const { network, a, b } = pair(1);
    let kept: Uint8Array = new Uint8Array();
    void b.close();
    const reader = network.attach("10.0.0.2", 7001);
    void reader.open({
      handleDatagram: (bytes, length) => {
        kept = bytes.subarray(0, length);
      },
      handleError: () => undefined,
    });
    send(a, reader, "mine");
    network.step();
    expect(kept).toEqual(new Uint8Array(4).fill(0xdb));
  });

  test("carries datagrams longer than its pooled buffers", () => {
    const ends = pair(1);
    const long = new Uint8Array(60_000).map((_, i) => i);
    ends.a.send(long, 0, long.length, ends.b.local, "10.0.0.2");
    ends.network.step();
    expect(ends.atB.datagrams[0]?.bytes).toEqual(long);
  });

  test("a cut is one way, and heal() ends every fault", () => {
    const ends = pair(1);
    ends.network.link(ends.a.local, ends.b.local).configure({ isCut: true });
    expect(send(ends.a, ends.b, "lost")).toBe(true);
    send(ends.b, ends.a, "through");
    ends.network.runUntil(10);
    expect(ends.atB.texts).toEqual([]);
    expect(ends.atA.texts).toEqual(["through"]);
    ends.network.heal();
    send(ends.a, ends.b, "again");
    ends.network.runUntil(20);
    expect(ends.atB.texts).toEqual(["again"]);
  });

  test("configure() reaches links present and to come, and heal() too", () => {
    const ends = pair(1);
    send(ends.a, ends.b, "before");
    ends.network.runUntil(1);
    ends.network.configure({ lossRate: 1 });
    send(ends.a, ends.b, "present");
    send(ends.b, ends.a, "to come");
    ends.network.runUntil(2);
    expect(ends.atB.texts).toEqual(["before"]);
    expect(ends.atA.texts).toEqual([]);
    ends.network.heal();
    const c = ends.network.attach("10.0.0.3", 1);
    void c.open(new RecordingSink());
    send(c, ends.a, "new link");
    ends.network.runUntil(3);
    expect(ends.atA.texts).toEqual(["new link"]);
  });

  test("a stuck path holds everything and then delivers it in order", () => {
    const ends = pair(1, { stuckUntilUs: 5_000_000 });
    send(ends.a, ends.b, "1");
    ends.network.runUntil(4_999_999);
    send(ends.a, ends.b, "2");
    expect(ends.atB.texts).toEqual([]);
    ends.network.runUntil(5_000_000);
    expect(ends.atB.texts).toEqual(["1", "2"]);
  });

  test("a replayed datagram comes again much later", () => {
    const ends = pair(1, { replayRate: 1, replayUs: 60_000_000 });
    send(ends.a, ends.b, "once");
    ends.network.runUntil(59_999_999);
    expect(ends.atB.texts).toEqual(["once"]);
    ends.network.runUntil(60_000_000);
    expect(ends.atB.texts).toEqual(["once", "once"]);
  });

  test("a moved port is heard under its new address, and hears nothing sent to the old one", () => {
    const ends = pair(1, { delayMeanUs: 100 });
    send(ends.b, ends.a, "to the old");
    ends.a.move("10.0.0.9", 1234);
    send(ends.a, ends.b, "from the new");
    ends.network.runUntil(1000);
    expect(ends.atA.texts).toEqual([]);
    expect(ends.atB.datagrams[0]?.remote.toString()).toBe("10.0.0.9:1234");
    send(ends.b, ends.a, "to the new");
    ends.network.runUntil(2000);
    expect(ends.atA.texts).toEqual(["to the new"]);
    expect(() => ends.a.move("nowhere", 1)).toThrow("host");
    expect(() => ends.a.move("10.0.0.2", 7001)).toThrow("taken");
  });

  test("a connected port hears only its peer, and that nobody is there", () => {
    const ends = pair(1);
    const client = ends.network.attach("10.0.0.5", 5, ends.b.local);
    const sink = new RecordingSink();
    void client.open(sink);
    expect(send(client, ends.a, "astray")).toBe(false);
    send(ends.a, client, "stranger");
    send(ends.b, client, "peer");
    ends.network.runUntil(1);
    expect(sink.texts).toEqual(["peer"]);
    void ends.b.close();
    send(client, ends.b, "gone?");
    send(ends.a, ends.b, "an unconnected port is not told");
    ends.network.runUntil(2);
    expect(sink.errors).toMatchObject([{ code: "ECONNREFUSED" }]);
    expect(ends.atA.errors).toEqual([]);
  });

  test("a blocked port refuses as with a full queue", () => {
    const ends = pair(1);
    ends.a.isBlocked = true;
    expect(send(ends.a, ends.b, "x")).toBe(false);
    expect(ends.a.counters).toMatchObject({ sendDrops: 1, datagramsOut: 0 });
    ends.a.isBlocked = false;
    expect(send(ends.a, ends.b, "x")).toBe(true);
    expect(send(ends.a, Address.from("10.0.0.2", 0) as Address, "x")).toBe(false);
    expect(ends.a.counters.sendErrors).toBe(1);
  });

  test("open and close follow the rules of every transport", async () => {
    const { network, a, atA } = pair(1);
    await expect(a.open(atA)).rejects.toMatchObject({ code: "RX_ERR_SOCKET" });
    const twin = network.attach("10.0.0.1", 7000);
    await expect(twin.open(atA)).rejects.toMatchObject({ code: "RX_ERR_SOCKET" });
    await a.close();
    await a.close();
    expect(send(a, twin, "x")).toBe(false);
    await expect(a.open(atA)).rejects.toMatchObject({ code: "RX_ERR_SOCKET_CLOSED" });
    await twin.open(atA);
    expect(() => network.attach("somewhere", 1)).toThrow("host");
  });

  test("after() runs at its time among the datagrams, unless taken back", () => {
    const { network, a, b, atB } = pair(1, { delayMeanUs: 100 });
    const seen: [string, number, number][] = [];
    const note = (name: string) => (): number => seen.push([name, network.nowUs(), atB.datagrams.length]);
    network.after(50, note("early"));
    network.after(200, note("late"));
    const cancel = network.after(60, note("never"));
    send(a, b, "x");
    cancel();
    cancel();
    network.runUntil(1000);
    expect(seen).toEqual([
      ["early", 50, 0],
      ["late", 200, 1],
    ]);
  });

  test("taking back what has run does not take back what came after it", () => {
    const network = new SimulatedNetwork({ seed: 1 });
    let runs = 0;
    const count = (): number => ++runs;
    const cancel = network.after(1, count);
    network.runUntil(1);
    network.after(1, count);
    cancel();
    network.runUntil(2);
    expect(runs).toBe(2);
  });
});

describe("faults of a link", () => {
  test("none: everything arrives once, in order", () => {
    expect(arrivals(pair(1), 200)).toEqual(upTo(200));
  });

  test.each([
    [0.02, 1],
    [0.3, 1],
    [0.3, 3],
    [0.1, 3],
  ])("loss of %f in bursts up to %i loses that share", (lossRate, lossBurstMax) => {
    const ends = pair(9, { lossRate, lossBurstMax });
    const arrived = arrivals(ends, 20_000);
    const lost = 1 - arrived.length / 20_000;
    expect(Math.abs(lost - lossRate)).toBeLessThan(0.02);
    expect(ends.network.link(ends.a.local, ends.b.local).counts.lost).toBe(20_000 - arrived.length);
  });

  test("bursts are runs: more neighbours are lost together than by chance, and total loss loses all", () => {
    const gaps = (burst: number): number => {
      const arrived = arrivals(pair(4, { lossRate: 0.1, lossBurstMax: burst }), 10_000);
      let runs = 0;
      for (let i = 1; i < arrived.length; i++)
        if ((arrived[i] as number) > (arrived[i - 1] as number) + 1) runs++;
      return runs;
    };
    expect(gaps(3)).toBeLessThan(gaps(1) * 0.7);
    expect(arrivals(pair(4, { lossRate: 1, lossBurstMax: 3 }), 100)).toEqual([]);
  });

  test("copies arrive twice", () => {
    const ends = pair(2, { copyRate: 0.5 });
    const arrived = arrivals(ends, 2000);
    expect(new Set(arrived).size).toBe(2000);
    expect(Math.abs(arrived.length - 3000)).toBeLessThan(150);
  });

  test("jitter alone keeps the order, reordering does not", () => {
    const jitter = arrivals(pair(3, { delayMeanUs: 20_000, delayJitterUs: 20_000 }), 500);
    expect(jitter).toEqual(upTo(500));
    const reordered = arrivals(pair(3, { reorderRate: 0.2, reorderUs: 1000 }), 500);
    expect(reordered).not.toEqual(upTo(500));
    expect([...reordered].sort((x, y) => x - y)).toEqual(upTo(500));
  });

  test("delay lies about its mean and below its maximum", () => {
    const faults = new LinkFaults(new Prng(1), {
      delayMeanUs: 100_000,
      delayJitterUs: 80_000,
      delayMaxUs: 150_000,
    });
    let [least, most] = [Number.POSITIVE_INFINITY, 0];
    for (let i = 0; i < 2000; i++) {
      const sentUs = i * 1_000_000;
      const delayUs = faults.arrivalUs(sentUs) - sentUs;
      least = Math.min(least, delayUs);
      most = Math.max(most, delayUs);
    }
    expect(least).toBeGreaterThanOrEqual(20_000);
    expect(least).toBeLessThan(25_000);
    expect(most).toBe(150_000);
  });

  test("damage changes bytes in place and always changes something", () => {
    const faults = new LinkFaults(new Prng(1), { damageRate: 1 });
    for (let length = 1; length < 200; length++) {
      const bytes = new Uint8Array(length);
      faults.damage(bytes, length);
      expect(bytes.some((byte) => byte !== 0)).toBe(true);
    }
    faults.damage(new Uint8Array(0), 0);
    expect(faults.counts.damaged).toBe(199);
  });

  test("a smaller path loses larger datagrams only", () => {
    const ends = pair(1, { sizeMax: 3 });
    for (const text of ["abc", "abcd", "ab"]) send(ends.a, ends.b, text);
    ends.network.runUntil(1);
    expect(ends.atB.texts).toEqual(["abc", "ab"]);
  });

  test.each<[string, Partial<FaultSettings>]>([
    ["lossRate", { lossRate: 1.1 }],
    ["copyRate", { copyRate: -0.1 }],
    ["damageRate", { damageRate: Number.NaN }],
    ["delayMeanUs", { delayMeanUs: -1 }],
    ["lossBurstMax", { lossBurstMax: 0 }],
  ])("a wrong %s is refused and changes nothing", (option, changes) => {
    const faults = new LinkFaults(new Prng(1));
    expect(() => faults.configure({ copyRate: 0.5, ...changes })).toThrow(option);
    expect(faults.settings).toEqual(NO_FAULTS);
    expect(() => new SimulatedNetwork({ seed: 1, faults: changes })).toThrow(option);
  });
});
