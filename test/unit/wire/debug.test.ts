import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssertionError } from "../../../src/util/assert.js";
import {
  DEBUG_CONN_SIZE,
  DEBUG_ERROR_SIZE,
  DEBUG_INDEX_MAX,
  DEBUG_PEER_SIZE,
  DEBUG_REQUEST_SIZE,
  DEBUG_STATS_SIZE,
  DEBUG_VERSION,
  DebugConn,
  DebugPeer,
  DebugRequest,
  DebugRequestType,
  DebugSecurityStats,
  DebugStats,
  isDebugConnEnd,
  isDebugError,
  isDebugPeerEnd,
  RX_STATISTIC_NAMES,
  RX_STATISTICS_COUNT,
  RX_STATISTICS_SIZE,
  RxStatistic,
  readDebugConn,
  readDebugPeer,
  readDebugRequest,
  readDebugStats,
  readRxStatistics,
  writeDebugConn,
  writeDebugConnEnd,
  writeDebugError,
  writeDebugPeer,
  writeDebugPeerEnd,
  writeDebugRequest,
  writeDebugStats,
  writeRxStatistics,
} from "../../../src/wire/debug.js";
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { PacketFlag } from "../../../src/wire/packet-type.js";
import { PACKET_VECTORS, vectorBytes } from "../../vectors/rx-packets.js";
import { int32, poisoned, uint8, uint16, written } from "./arbitraries.js";

const FROM_CLIENT = PacketFlag.ClientInitiated | PacketFlag.LastPacket;
const { GetStats, GetConn, GetAllConn, RxStats, GetPeer } = DebugRequestType;

const count64 = fc.maxSafeNat();
const channelBytes = fc.uint8Array({ minLength: 4, maxLength: 4 });

const anyStats = fc
  .record({
    freePackets: int32,
    packetReclaims: int32,
    callsExecuted: int32,
    waitingForPackets: uint8,
    usedFds: uint8,
    version: uint8,
    waiting: int32,
    idleThreads: int32,
    waited: int32,
    packets: int32,
  })
  .map((fields) => Object.assign(new DebugStats(), fields));

const anySecurity = fc.record({
  type: uint8,
  level: uint8,
  flags: int32,
  expires: int32,
  packetsReceived: int32,
  packetsSent: int32,
  bytesReceived: int32,
  bytesSent: int32,
});

const anyConn = fc
  .record({
    scalars: fc.record({
      host: int32,
      cid: int32,
      serial: int32,
      error: int32,
      port: uint16,
      flags: uint8,
      type: uint8,
      securityIndex: uint8,
      epoch: int32,
      natMtu: int32,
    }),
    callNumber: fc.int32Array({ minLength: 4, maxLength: 4 }),
    channels: fc.tuple(channelBytes, channelBytes, channelBytes, channelBytes),
    security: anySecurity,
  })
  .map(({ scalars, callNumber, channels, security }) => {
    const conn = Object.assign(new DebugConn(), scalars);
    conn.callNumber.set(callNumber);
    conn.callState.set(channels[0]);
    conn.callMode.set(channels[1]);
    conn.callFlags.set(channels[2]);
    conn.callOther.set(channels[3]);
    Object.assign(conn.security, security);
    return conn;
  });

const anyPeer = fc
  .record({
    host: int32,
    port: uint16,
    ifMtu: uint16,
    idleWhen: int32,
    refCount: uint16,
    burstSize: uint8,
    burst: uint8,
    burstWaitSec: int32,
    burstWaitUsec: int32,
    rtt: int32,
    rttDev: int32,
    timeoutSec: int32,
    timeoutUsec: int32,
    sent: int32,
    resent: int32,
    inPacketSkew: int32,
    outPacketSkew: int32,
    rateFlag: int32,
    natMtu: uint16,
    maxMtu: uint16,
    maxDgramPackets: uint16,
    ifDgramPackets: uint16,
    mtu: uint16,
    cwind: uint16,
    dgramPackets: uint16,
    congestSeq: uint16,
    bytesSent: count64,
    bytesReceived: count64,
  })
  .map((fields) => Object.assign(new DebugPeer(), fields));

// A value for each byte of the reply, so that every field is seen at its place.
const ramp = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i % 127) + 1);
const zeroExcept = (bytes: Uint8Array, spares: readonly (readonly [number, number])[]): Uint8Array => {
  const copy = bytes.slice();
  for (const [from, to] of spares) copy.fill(0, from, to);
  return copy;
};

describe("DEBUG request", () => {
  it("reads GetStats of rxdebug and writes it back", () => {
    const bytes = vectorBytes(PACKET_VECTORS.debugStatsRequest.hex);
    const request = new DebugRequest();
    expect(readDebugRequest(bytes[21] as number, bytes, HEADER_SIZE, bytes.length, request)).toBe(true);
    expect({ ...request }).toEqual({ type: GetStats, index: 0 });
    expect(written(DEBUG_REQUEST_SIZE, (to, at) => writeDebugRequest(to, at, request))).toEqual(
      bytes.subarray(HEADER_SIZE),
    );
  });

  it.each([
    [GetConn, 0, true],
    [GetConn, DEBUG_INDEX_MAX, true],
    [GetConn, DEBUG_INDEX_MAX + 1, false],
    [GetConn, -1, false],
    [GetAllConn, -1, false],
    [GetAllConn, 0x7fffffff, false],
    [GetAllConn, 3, true],
    [GetPeer, -0x80000000, false],
    [GetPeer, DEBUG_INDEX_MAX + 1, false],
    [GetPeer, 0, true],
    // These do not use their index.
    [GetStats, -1, true],
    [RxStats, 0x7fffffff, true],
    [99, -1, true],
  ])("of type %i, index %i: taken is %s (A9)", (type, index, taken) => {
    const bytes = new Uint8Array(DEBUG_REQUEST_SIZE);
    writeDebugRequest(bytes, 0, Object.assign(new DebugRequest(), { type, index }));
    const out = new DebugRequest();
    expect(readDebugRequest(FROM_CLIENT, bytes, 0, bytes.length, out)).toBe(taken);
    expect({ ...out }).toEqual(taken ? { type, index } : { type: 0, index: 0 });
  });

  it.each([-1, 0, 4, 7])("of %i bytes is refused (A9)", (length) => {
    const out = new DebugRequest();
    expect(readDebugRequest(FROM_CLIENT, new Uint8Array(40), 28, 28 + length, out)).toBe(false);
  });

  it("with bytes after it is taken (A12)", () => {
    expect(readDebugRequest(FROM_CLIENT, new Uint8Array(40), 0, 40, new DebugRequest())).toBe(true);
  });

  it("without the client flag is refused (A9)", () => {
    const flags = 0xff & ~PacketFlag.ClientInitiated;
    expect(readDebugRequest(flags, new Uint8Array(40), 0, 8, new DebugRequest())).toBe(false);
  });
});

describe("DEBUG error reply", () => {
  it("is -8 twice", () => {
    const bytes = written(DEBUG_ERROR_SIZE, writeDebugError);
    expect([...bytes]).toEqual([255, 255, 255, 248, 255, 255, 255, 248]);
    expect(isDebugError(bytes, 0, 8)).toBe(true);
  });

  it.each([
    ["too short", [255, 255, 255, 248], 4],
    ["too long", [255, 255, 255, 248, 255, 255, 255, 248, 0], 9],
    ["another first word", [0, 0, 0, 1, 255, 255, 255, 248], 8],
    ["another second word", [255, 255, 255, 248, 0, 0, 0, 0], 8],
  ])("is not %s", (_name, bytes, end) => {
    expect(isDebugError(Uint8Array.from(bytes), 0, end)).toBe(false);
  });
});

describe("debugStats", () => {
  const store = (stats: DebugStats): Uint8Array =>
    written(DEBUG_STATS_SIZE, (bytes, at) => writeDebugStats(bytes, at, stats));

  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(anyStats, (stats) => {
        const out = new DebugStats();
        expect(readDebugStats(store(stats), 0, DEBUG_STATS_SIZE, out)).toBe(true);
        expect(out).toEqual(stats);
      }),
    );
  });

  it("has its 56 bytes where rx.h has them, spares zero", () => {
    const out = new DebugStats();
    readDebugStats(ramp(56), 0, 56, out);
    expect(store(out)).toEqual(
      zeroExcept(ramp(56), [
        [15, 16],
        [32, 56],
      ]),
    );
    expect(out.callsExecuted).toBe(0x090a0b0c);
    expect(out.version).toBe(15);
    expect(out.packets).toBe(0x1d1e1f20);
  });

  it("says version S unless told otherwise", () => {
    expect(store(new DebugStats())[14]).toBe("S".charCodeAt(0));
    expect(DEBUG_VERSION).toBe(0x53);
  });
});

describe("debugConn", () => {
  const store = (conn: DebugConn): Uint8Array =>
    written(DEBUG_CONN_SIZE, (bytes, at) => writeDebugConn(bytes, at, conn));

  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(anyConn, (conn) => {
        const out = new DebugConn();
        expect(readDebugConn(store(conn), 0, DEBUG_CONN_SIZE, out)).toBe(true);
        expect(out).toEqual(conn);
      }),
    );
  });

  it("has its 176 bytes where rx.h has them, spares zero", () => {
    const out = new DebugConn();
    readDebugConn(ramp(176), 0, 176, out);
    const spares = [
      [37, 40],
      [58, 68],
      [92, 132],
      [140, 176],
    ] as const;
    expect(store(out)).toEqual(zeroExcept(ramp(176), spares));
    expect(out.port).toBe(0x2122);
    expect([...out.callState]).toEqual([41, 42, 43, 44]);
    expect([...out.callOther]).toEqual([53, 54, 55, 56]);
    expect(out.security.expires).toBe(0x494a4b4c);
    expect(out.callNumber[3]).toBe(0x191a1b1c);
  });

  it("after reset() is as new", () => {
    fc.assert(
      fc.property(anyConn, (conn) => {
        conn.reset();
        expect(conn).toEqual(new DebugConn());
      }),
    );
    expect(new DebugConn().security).toEqual(new DebugSecurityStats());
  });

  it("ends with a full-size marker whose cid is -1", () => {
    const bytes = written(DEBUG_CONN_SIZE, writeDebugConnEnd);
    expect([...bytes.subarray(0, 8)]).toEqual([0, 0, 0, 0, 255, 255, 255, 255]);
    expect(bytes.subarray(8).every((byte) => byte === 0)).toBe(true);
    const conn = new DebugConn();
    expect(isDebugConnEnd(conn)).toBe(false);
    readDebugConn(bytes, 0, bytes.length, conn);
    expect(isDebugConnEnd(conn)).toBe(true);
  });
});

describe("debugPeer", () => {
  const store = (peer: DebugPeer): Uint8Array =>
    written(DEBUG_PEER_SIZE, (bytes, at) => writeDebugPeer(bytes, at, peer));

  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(anyPeer, (peer) => {
        const out = new DebugPeer();
        expect(readDebugPeer(store(peer), 0, DEBUG_PEER_SIZE, out)).toBe(true);
        expect(out).toEqual(peer);
      }),
    );
  });

  it("has its 132 bytes where rx.h has them, spares zero", () => {
    // Counts of 64 bits stay below 2^53, so their two highest bytes are zero here.
    const bytes = zeroExcept(ramp(132), [
      [76, 78],
      [84, 86],
      [92, 132],
    ]);
    const out = new DebugPeer();
    readDebugPeer(bytes, 0, 132, out);
    expect(store(out)).toEqual(bytes);
    expect(out.rtt).toBe(0x191a1b1c);
    expect(out.congestSeq).toBe(0x4b4c);
    expect(out.bytesSent).toBe(0x4f50 * 2 ** 32 + 0x51525354);
  });

  it("after reset() is as new", () => {
    fc.assert(
      fc.property(anyPeer, (peer) => {
        peer.reset();
        expect(peer).toEqual(new DebugPeer());
      }),
    );
  });

  it("ends with a full-size marker whose host is -1", () => {
    const bytes = written(DEBUG_PEER_SIZE, writeDebugPeerEnd);
    expect([...bytes.subarray(0, 4)]).toEqual([255, 255, 255, 255]);
    expect(bytes.subarray(4).every((byte) => byte === 0)).toBe(true);
    const peer = new DebugPeer();
    expect(isDebugPeerEnd(peer)).toBe(false);
    readDebugPeer(bytes, 0, bytes.length, peer);
    expect(isDebugPeerEnd(peer)).toBe(true);
  });
});

describe("rx_statistics", () => {
  it("reads back what it wrote, in 284 bytes", () => {
    expect(RX_STATISTICS_SIZE).toBe(284);
    fc.assert(
      fc.property(fc.int32Array({ minLength: 71, maxLength: 71 }), (values) => {
        const bytes = written(RX_STATISTICS_SIZE, (to, at) => writeRxStatistics(to, at, values));
        const out = new Int32Array(RX_STATISTICS_COUNT);
        expect(readRxStatistics(bytes, 0, bytes.length, out)).toBe(true);
        expect(out).toEqual(values);
      }),
    );
  });

  it("names each of its 71 entries once", () => {
    expect(RX_STATISTIC_NAMES).toHaveLength(RX_STATISTICS_COUNT);
    expect(new Set(RX_STATISTIC_NAMES).size).toBe(RX_STATISTICS_COUNT);
    expect(RX_STATISTIC_NAMES.every((name) => typeof name === "string" && name !== "")).toBe(true);
  });

  it.each([
    [0, "packetRequests"],
    [10, "sendSelects"],
    [11, "packetsRead.data"],
    [23, "packetsRead.version"],
    [24, "dataPacketsRead"],
    [28, "packetsSent.data"],
    [29, "packetsSent.ack"],
    [40, "packetsSent.version"],
    [41, "ackPacketsSent"],
    [48, "ignoreAckedPacket"],
    [55, "rttSamples"],
    [RxStatistic.Busies, "busies"],
    [67, "spare0"],
    [70, "spare3"],
  ])("names entry %i %s", (index, name) => {
    expect(RX_STATISTIC_NAMES[index]).toBe(name);
  });

  it.each([70, 72])("refuses an array of %i entries, a mistake of ours", (length) => {
    expect(() => writeRxStatistics(poisoned(400), 0, new Int32Array(length))).toThrow(AssertionError);
    expect(() => readRxStatistics(poisoned(400), 0, 400, new Int32Array(length))).toThrow(AssertionError);
  });
});

describe("readers of DEBUG replies", () => {
  const readers = [
    { name: "debugStats", size: DEBUG_STATS_SIZE, make: () => new DebugStats(), read: readDebugStats },
    { name: "debugConn", size: DEBUG_CONN_SIZE, make: () => new DebugConn(), read: readDebugConn },
    { name: "debugPeer", size: DEBUG_PEER_SIZE, make: () => new DebugPeer(), read: readDebugPeer },
    {
      name: "rx_statistics",
      size: RX_STATISTICS_SIZE,
      make: () => new Int32Array(RX_STATISTICS_COUNT),
      read: readRxStatistics,
    },
  ] as const;

  it.each(readers)(
    "$name refuses every shorter length and leaves its object alone",
    ({ size, make, read }) => {
      const reader = read as (bytes: Uint8Array, offset: number, end: number, out: unknown) => boolean;
      for (let length = -1; length < size; length++) {
        const out = make();
        expect(reader(poisoned(1000), 28, 28 + length, out)).toBe(false);
        expect(out).toEqual(make());
      }
      expect(reader(poisoned(1000), 28, 28 + size, make())).toBe(true);
      expect(reader(poisoned(1000), 28, 1000, make())).toBe(true);
    },
  );
});

describe("writers of DEBUG replies", () => {
  const writers: readonly [string, number, (bytes: Uint8Array, offset: number) => number][] = [
    ["debugStats", DEBUG_STATS_SIZE, (bytes, at) => writeDebugStats(bytes, at, new DebugStats())],
    ["debugConn", DEBUG_CONN_SIZE, (bytes, at) => writeDebugConn(bytes, at, new DebugConn())],
    ["debugConn end", DEBUG_CONN_SIZE, writeDebugConnEnd],
    ["debugPeer", DEBUG_PEER_SIZE, (bytes, at) => writeDebugPeer(bytes, at, new DebugPeer())],
    ["debugPeer end", DEBUG_PEER_SIZE, writeDebugPeerEnd],
    ["rx_statistics", RX_STATISTICS_SIZE, (bytes, at) => writeRxStatistics(bytes, at, new Int32Array(71))],
  ];

  it.each(writers)("%s refuses a buffer too small by one, a mistake of ours", (_name, size, write) => {
    const bytes = poisoned(size - 1);
    expect(() => write(bytes, 0)).toThrow(AssertionError);
    expect(bytes).toEqual(poisoned(size - 1));
  });
});
