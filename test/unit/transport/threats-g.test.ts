// The edge of the network: sends that the system refuses, queues at their cap, and clocks that jump.
import { afterEach, describe, expect, test, vi } from "vitest";
import { nullSecurity } from "../../../src/security/null.js";
import { MonotonicClock } from "../../../src/transport/clock.js";
import { Driver } from "../../../src/transport/driver.js";
import { NodeLoop } from "../../../src/transport/loop.js";
import { Prng } from "../../../src/transport/prng.js";
import { type DatagramTransport, newTransportCounters } from "../../../src/transport/transport.js";
import { UdpTransport } from "../../../src/transport/udp.js";
import { Address } from "../../../src/util/address.js";
import { FakeSocket, fakeDgram } from "./fake-dgram.js";
import { RecordingSink } from "./recording-sink.js";

const PEER = Address.from("192.0.2.1", 7001) as Address;
const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

afterEach(() => {
  vi.restoreAllMocks();
});

/** The process's own loop with a clock that stands until it is set. */
class HeldLoop extends NodeLoop {
  #nowUs = 2 ** 33;

  override nowUs(): number {
    return this.#nowUs;
  }

  pass(durationUs: number): void {
    this.#nowUs += durationUs;
  }
}

interface Made {
  readonly driver: Driver;
  readonly loop: HeldLoop;
  readonly faults: unknown[];
  sends: number;
}

function makeDriver(): Made {
  const made = { loop: new HeldLoop(), faults: [] as unknown[], sends: 0 };
  const transport: DatagramTransport = {
    local: Address.from("127.0.0.1", 7009) as Address,
    counters: newTransportCounters(),
    open: () => Promise.resolve(),
    close: () => Promise.resolve(),
    send: () => {
      made.sends++;
      return true;
    },
  };
  const driver = new Driver({
    transport,
    loop: made.loop,
    random: new Prng(1),
    security: [nullSecurity],
    onFault: (cause) => void made.faults.push(cause),
    onError: (cause) => void made.faults.push(cause),
  });
  return Object.assign(made, { driver });
}

/** Begins a client call that nobody answers. */
function begin({ driver }: Made): { isEnded: () => boolean } {
  const bundle = driver.endpoint.openBundle({
    remote: PEER,
    serviceId: 147,
    securityIndex: 0,
    connectionsMax: 1,
    wantsUpgrade: false,
  });
  driver.advance();
  const handle = driver.endpoint.beginCall(bundle, { handleCallEvents: () => undefined });
  handle.end();
  return { isEnded: () => handle.isEnded };
}

describe("G: the edge of the network", () => {
  test("G4: what a flush may send is bounded, and the loop turns before it goes on", async () => {
    const made = makeDriver();
    const poll = vi.spyOn(made.driver.endpoint, "pollTransmit").mockReturnValue(true);
    made.driver.wantTransmit();
    await tick();
    expect(made.sends).toBe(1_024);
    let hasTurned = false;
    setImmediate(() => (hasTurned = true));
    await turn();
    expect([made.sends, hasTurned]).toEqual([2_048, true]);
    poll.mockReturnValue(false);
    await made.driver.close();
  });

  test.each(["EPERM", "ENETUNREACH", "EHOSTUNREACH", "EMSGSIZE", "ENOBUFS", "EAGAIN"])(
    "G10: a send that fails with %s is one datagram lost, and the next one goes out",
    async (code) => {
      const socket = new FakeSocket();
      const transport = new UdpTransport({ dgram: fakeDgram(socket) });
      const sink = new RecordingSink();
      await transport.open(sink);
      const bytes = new Uint8Array(20);
      socket.failSends = Object.assign(new Error(code), { code });
      for (let i = 0; i < 40; i++) transport.send(bytes, 0, 20, PEER, "192.0.2.1");
      await tick();
      expect(transport.counters.sendErrors).toBeGreaterThan(0);
      socket.failSends = undefined;
      socket.throwOnSend = true;
      expect(transport.send(bytes, 0, 20, PEER, "192.0.2.1")).toBe(false);
      socket.throwOnSend = false;
      expect(transport.send(bytes, 0, 20, PEER, "192.0.2.1")).toBe(true);
      expect([socket.sent.length, sink.errors]).toEqual([1, []]);
      await transport.close();
      expect(transport.send(bytes, 0, 20, PEER, "192.0.2.1")).toBe(false);
    },
  );

  test("G11: a queue that the system does not empty stays within its cap, and what is beyond it is dropped", async () => {
    const socket = new FakeSocket();
    const transport = new UdpTransport({ dgram: fakeDgram(socket), sendQueueMaxBytes: 10_000 });
    await transport.open(new RecordingSink());
    socket.isStuck = true;
    const bytes = new Uint8Array(1_444);
    for (let i = 0; i < 5_000; i++) transport.send(bytes, 0, bytes.length, PEER, "192.0.2.1");
    expect(socket.getSendQueueSize()).toBeLessThanOrEqual(10_000);
    expect(transport.counters).toMatchObject({ sendDrops: 4_994, queueHighWater: 6 * 1_444 });
    socket.drain();
    expect(transport.send(bytes, 0, bytes.length, PEER, "192.0.2.1")).toBe(true);
    await transport.close();
  });

  test("G12: the clock does not follow the wall clock, whichever way that jumps", () => {
    const clock = new MonotonicClock();
    const before = clock.nowUs();
    for (const jumpMs of [86_400_000, -86_400_000]) {
      vi.spyOn(Date, "now").mockReturnValue(Date.now() + jumpMs);
      const after = clock.nowUs();
      expect(after).toBeGreaterThanOrEqual(before);
      expect(after - before).toBeLessThan(60_000_000);
    }
  });

  test("G12: no timer is set for longer than Node can wait, however far the deadline", async () => {
    const delays: number[] = [];
    const real = globalThis.setTimeout;
    vi.spyOn(globalThis, "setTimeout").mockImplementation(((run: () => void, delayMs: number) => {
      delays.push(delayMs);
      return real(run, 1_000_000).unref();
    }) as typeof setTimeout);
    const made = makeDriver();
    vi.spyOn(made.driver.endpoint, "nextTimeoutUs").mockReturnValue(made.loop.nowUs() + 2 ** 32 * 1_000);
    made.driver.wantTimer();
    expect(delays).toEqual([60_000]);
    await made.driver.close();
  });

  test("G12: a timer that comes early or late, or while the clock stands still, judges no call", async () => {
    vi.useFakeTimers();
    try {
      const made = makeDriver();
      const { isEnded } = begin(made);
      // The timers run for a minute, and the clock stands still.
      vi.advanceTimersByTime(60_000);
      expect(isEnded()).toBe(false);
      // The clock has gone on by most of the dead time, and all timers come at once.
      made.loop.pass(19_000_000);
      vi.advanceTimersByTime(1);
      expect(isEnded()).toBe(false);
      for (let s = 0; s < 30 && !isEnded(); s++) {
        made.loop.pass(1_000_000);
        vi.advanceTimersByTime(1_000);
      }
      expect([isEnded(), made.faults]).toEqual([true, []]);
      await made.driver.close();
    } finally {
      vi.useRealTimers();
    }
  });
});
