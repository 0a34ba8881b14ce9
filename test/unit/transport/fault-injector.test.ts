import { describe, expect, test } from "vitest";
import { TimerScheduler } from "../../../src/transport/clock.js";
import { FaultInjector } from "../../../src/transport/fault-injector.js";
import type { FaultSettings } from "../../../src/transport/link-faults.js";
import { SimulatedNetwork } from "../../../src/transport/simulated-network.js";
import type { DatagramTransport } from "../../../src/transport/transport.js";
import { UdpTransport } from "../../../src/transport/udp.js";
import type { Address } from "../../../src/util/address.js";
import { bytesOf, RecordingSink, until } from "./recording-sink.js";

function rig(outbound: Partial<FaultSettings>, inbound: Partial<FaultSettings> = {}) {
  const network = new SimulatedNetwork({ seed: 1 });
  const plain = network.attach("10.0.0.1", 1);
  const faulty = new FaultInjector(network.attach("10.0.0.2", 2), {
    seed: 77,
    scheduler: network,
    outbound,
    inbound,
  });
  const [atPlain, atFaulty] = [new RecordingSink(), new RecordingSink()];
  void plain.open(atPlain);
  void faulty.open(atFaulty);
  return { network, plain, faulty, atPlain, atFaulty };
}

function sendNumbers(from: DatagramTransport, to: Address, count: number): void {
  const buffer = new Uint8Array(16);
  for (let i = 0; i < count; i++) {
    const bytes = bytesOf(String(i));
    buffer.set(bytes, 2);
    expect(from.send(buffer, 2, bytes.length, to, to.format())).toBe(true);
    buffer.fill(0);
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("FaultInjector", () => {
  test("without faults passes everything at once, both ways, with its address", () => {
    const { network, plain, faulty, atPlain, atFaulty } = rig({});
    sendNumbers(faulty, plain.local, 50);
    sendNumbers(plain, faulty.local, 50);
    network.runUntil(0);
    expect(atPlain.texts.map(Number)).toEqual(upTo(50));
    expect(atFaulty.texts.map(Number)).toEqual(upTo(50));
    expect(atFaulty.datagrams[0]?.remote.equals(plain.local)).toBe(true);
    expect(faulty.counters.datagramsOut).toBe(50);
  });

  test("each direction has its own faults", () => {
    const { network, plain, faulty, atPlain, atFaulty } = rig({ lossRate: 0.5 }, { copyRate: 0.5 });
    sendNumbers(faulty, plain.local, 400);
    sendNumbers(plain, faulty.local, 400);
    network.runUntil(0);
    expect(Math.abs(atPlain.datagrams.length - 200)).toBeLessThan(50);
    expect(Math.abs(atFaulty.datagrams.length - 600)).toBeLessThan(50);
    expect(faulty.outbound.counts.lost).toBe(400 - atPlain.datagrams.length);
    expect(faulty.inbound.counts.copied).toBe(atFaulty.datagrams.length - 400);
  });

  test("delayed datagrams keep their own bytes and come at their time, reordered ones out of order", () => {
    const { network, plain, faulty, atPlain } = rig({ delayMeanUs: 5000, reorderRate: 0.3, reorderUs: 2000 });
    sendNumbers(faulty, plain.local, 100);
    network.runUntil(4999);
    expect(atPlain.datagrams.length).toBe(0);
    network.runUntil(7000);
    const arrived = atPlain.texts.map(Number);
    expect(arrived).not.toEqual(upTo(100));
    expect([...arrived].sort((x, y) => x - y)).toEqual(upTo(100));
  });

  test("damages and replays", () => {
    const damaged = rig({ damageRate: 1 });
    sendNumbers(damaged.faulty, damaged.plain.local, 20);
    damaged.network.runUntil(0);
    expect(damaged.atPlain.texts.filter((text, i) => text === String(i))).toEqual([]);
    const replayed = rig({ replayRate: 1, replayUs: 1000 });
    sendNumbers(replayed.faulty, replayed.plain.local, 2);
    replayed.network.runUntil(1000);
    expect(replayed.atPlain.texts).toEqual(["0", "1", "0", "1"]);
  });

  test("healed, it passes everything again", () => {
    const { network, plain, faulty, atPlain } = rig({ lossRate: 1 });
    sendNumbers(faulty, plain.local, 5);
    faulty.outbound.heal();
    sendNumbers(faulty, plain.local, 5);
    network.runUntil(0);
    expect(atPlain.texts.map(Number)).toEqual(upTo(5));
  });

  test("close takes back what is held, and errors pass while it is open", async () => {
    const { network, plain, faulty, atPlain, atFaulty } = rig({ delayMeanUs: 1000 }, { delayMeanUs: 1000 });
    faulty.handleError(new Error("network"));
    expect(atFaulty.errors.length).toBe(1);
    sendNumbers(faulty, plain.local, 5);
    sendNumbers(plain, faulty.local, 5);
    network.runUntil(500);
    await faulty.close();
    network.runUntil(5000);
    expect(atPlain.datagrams).toEqual([]);
    expect(atFaulty.datagrams).toEqual([]);
    expect(faulty.send(new Uint8Array(1), 0, 1, plain.local, "10.0.0.1")).toBe(false);
  });

  test("works on a real socket with real timers", async () => {
    const receiver = new UdpTransport();
    const sender = new FaultInjector(new UdpTransport(), {
      seed: 3,
      scheduler: new TimerScheduler(),
      outbound: { delayMeanUs: 2000, copyRate: 1 },
    });
    const sink = new RecordingSink();
    try {
      await receiver.open(sink);
      await sender.open(new RecordingSink());
      sendNumbers(sender, receiver.local, 10);
      await until(() => sink.datagrams.length === 20, "each datagram twice");
      expect(sink.datagrams[0]?.remote.equals(sender.local)).toBe(true);
    } finally {
      await sender.close();
      await receiver.close();
    }
  });
});
