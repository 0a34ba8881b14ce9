// VERSION and DEBUG as rxdebug asks them: what the numbers say, and who is told.
import { describe, expect, test } from "vitest";
import { Stat } from "../../../src/core/stats.js";
import {
  DebugCallMode,
  DebugCallOther,
  DebugCallState,
  DebugConn,
  DebugPeer,
  DebugStats,
  isDebugError,
  RX_STATISTICS_COUNT,
  RxStatistic,
  readDebugConn,
  readDebugPeer,
  readDebugStats,
  readRxStatistics,
} from "../../../src/wire/debug.js";
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { readVersionText } from "../../../src/wire/version.js";
import { openTestBundle, stageService } from "./calls.js";
import { clientTalker, Talker } from "./packets.js";
import { addressOf, FRIEND, LAST, Listener, Rig, STRANGER } from "./rig.js";

// The header of the stock tool: epoch 999, cid 0, LastPacket, callNumber counting from 101.
const asker = new Talker({ epoch: 999, cid: 0, callNumber: 101, flags: 0x01 });

function ask(rig: Rig, type: number, index = 0): Uint8Array {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setInt32(0, type);
  new DataView(body.buffer).setInt32(4, index);
  rig.feed(asker.of(PacketType.Debug, body, { flags: LAST }));
  const [sent] = rig.poll().filter((one) => one.header.type === PacketType.Debug);
  if (sent === undefined) throw new Error("no reply");
  expect(sent.header).toMatchObject({ epoch: 999, callNumber: 101, flags: LAST });
  return sent.bytes;
}

function askConn(rig: Rig, type: number, index = 0): DebugConn {
  const bytes = ask(rig, type, index);
  const conn = new DebugConn();
  expect(readDebugConn(bytes, HEADER_SIZE, bytes.length, conn)).toBe(true);
  return conn;
}

const isEnd = (conn: DebugConn): boolean => conn.cid === -1;

describe("VERSION", () => {
  const question = asker.of(PacketType.Version, Uint8Array.of(0), { flags: LAST });

  test("65 bytes for a trusted address, three times the question for a stranger", () => {
    const rig = new Rig({ options: { versionText: "test 1.2" } });
    rig.feed(question);
    const [friendly] = rig.poll();
    rig.feed(question, STRANGER);
    const [strange] = rig.poll();
    if (friendly === undefined || strange === undefined) throw new Error("no reply");
    expect([friendly.bytes.length, strange.bytes.length]).toEqual([HEADER_SIZE + 65, HEADER_SIZE + 59]);
    expect(strange.bytes.length).toBeLessThanOrEqual(3 * question.length);
    for (const sent of [friendly, strange]) {
      expect(readVersionText(sent.bytes, HEADER_SIZE, sent.bytes.length)).toBe("test 1.2");
    }
  });

  test("strangers are answered twenty times a second", () => {
    const rig = new Rig();
    let answers = 0;
    for (let i = 0; i < 100; i++) {
      rig.feed(question, STRANGER);
      answers += rig.poll().length;
    }
    expect([answers, rig.stat(Stat.RefusalsWithheld)]).toEqual([20, 80]);
  });

  test("more questions in one turn than the ring of replies holds are dropped", () => {
    const rig = new Rig();
    for (let i = 0; i < 100; i++) rig.feed(question);
    expect(rig.poll().length).toBe(64);
  });
});

describe("DEBUG", () => {
  test("strangers get nothing", () => {
    const rig = new Rig();
    rig.feed(asker.of(PacketType.Debug, new Uint8Array(8), { flags: LAST }), STRANGER);
    expect([rig.poll(), rig.stat(Stat.DropDebug)]).toEqual([[], 1]);
  });

  test("GETSTATS: buffers, spare calls as idle threads, waiting calls, version S", () => {
    const rig = new Rig();
    rig.offer({}, 5);
    rig.exchange(clientTalker().data(1));
    const bytes = ask(rig, 1);
    const stats = new DebugStats();
    expect(readDebugStats(bytes, HEADER_SIZE, bytes.length, stats)).toBe(true);
    expect(stats).toMatchObject({
      freePackets: 4_095,
      packets: 4_096,
      callsExecuted: 1,
      waiting: 1,
      idleThreads: 4,
    });
    expect(bytes[HEADER_SIZE + 14]).toBe(0x53);
  });

  test("an unknown question gets the error reply", () => {
    const bytes = ask(new Rig(), 77);
    expect(isDebugError(bytes, HEADER_SIZE, bytes.length)).toBe(true);
  });

  test("GETALLCONN: one connection after the other, then the end marker", () => {
    const { rig, talker } = stageService("AckRequest");
    rig.feed(clientTalker({ cid: 0x2000 }).data(1), addressOf("127.0.0.3", 7_003));
    rig.drain();
    rig.poll();
    const conns = [0, 1].map((n) => askConn(rig, 3, n));
    expect(conns.map((conn) => conn.port).sort()).toEqual([7_001, 7_003]);
    const first = conns.find((conn) => conn.port === 7_001);
    expect(first).toMatchObject({
      host: 0x7f00_0001,
      cid: talker.shared.cid,
      epoch: talker.shared.epoch,
      type: 1,
      error: 0,
      securityIndex: 0,
    });
    expect(isEnd(askConn(rig, 3, 2))).toBe(true);
    expect(isEnd(askConn(rig, 3, 4_000))).toBe(true);
  });

  test.each([
    ["RecvRequest", DebugCallState.Active, DebugCallMode.Receiving, DebugCallOther.InReceiveQueue],
    [
      "SendReply",
      DebugCallState.Active,
      DebugCallMode.Sending,
      DebugCallOther.InReceiveQueue | DebugCallOther.InTransmitQueue,
    ],
    [
      "AwaitAck",
      DebugCallState.Hold,
      DebugCallMode.Sending,
      DebugCallOther.InReceiveQueue | DebugCallOther.InTransmitQueue,
    ],
    ["Succeeded", DebugCallState.Dally, DebugCallMode.Eof, 0],
  ] as const)("the channel of a call in %s", (state, callState, callMode, callOther) => {
    const { rig } = stageService(state);
    const conn = askConn(rig, 3);
    expect([conn.callNumber[0], conn.callState[0], conn.callMode[0], conn.callOther[0]]).toEqual([
      2,
      callState,
      callMode,
      callOther,
    ]);
    expect([conn.callNumber[1], conn.callState[1], conn.callMode[1]]).toEqual([
      0,
      DebugCallState.NotInit,
      DebugCallMode.None,
    ]);
  });

  test("a call that waits for accept shows as not yet attached", () => {
    const rig = new Rig();
    rig.offer();
    rig.exchange(clientTalker().data(1));
    expect(askConn(rig, 3).callState[0]).toBe(DebugCallState.PreCall);
  });

  test("GETCONN: only connections with a call", () => {
    const { rig } = stageService("Succeeded");
    expect(isEnd(askConn(rig, 2))).toBe(true);
    rig.exchange(clientTalker({ cid: 0x2000 }).data(1));
    expect(askConn(rig, 2).cid).toBe(0x2000);
    expect(isEnd(askConn(rig, 2, 1))).toBe(true);
  });

  test("a client connection is shown as one, all channels taken as such, and an IPv6 peer without an address", () => {
    const rig = new Rig({ options: { trusted: ["127.0.0.0/8", "2001:db8::/32"] } });
    const bundle = openTestBundle(rig);
    for (let i = 0; i < 4; i++) rig.endpoint.beginCall(bundle, new Listener());
    expect(askConn(rig, 3)).toMatchObject({ type: 0, flags: 1 });
    rig.offer();
    rig.exchange(clientTalker({ cid: 0x2000 }).data(1), addressOf("2001:db8::5", 7_001));
    expect(askConn(rig, 3, 1)).toMatchObject({ type: 1, host: 0, port: 7_001 });
  });

  test("GETPEER: round trips in the tool's units, bytes, packets, then the end marker", () => {
    const { rig } = stageService("AwaitAck");
    const known = rig.endpoint.local.peers.find(FRIEND);
    known?.rtt.reset();
    known?.rtt.addSample(20_000);
    const bytes = ask(rig, 5);
    const peer = new DebugPeer();
    expect(readDebugPeer(bytes, HEADER_SIZE, bytes.length, peer)).toBe(true);
    expect(peer).toMatchObject({
      host: 0x7f00_0001,
      port: 7_001,
      refCount: 1,
      rtt: 160,
      rttDev: 40,
      ifMtu: 1_444,
      mtu: 1_444,
      bytesReceived: 36,
    });
    expect(peer.bytesSent).toBeGreaterThan(90);
    expect(peer.sent).toBeGreaterThan(1);
    const end = ask(rig, 5, 1);
    expect(readDebugPeer(end, HEADER_SIZE, end.length, peer)).toBe(true);
    expect(peer.host).toBe(-1);
  });

  test("RXSTATS: packets by type, round trips, connections, calls", () => {
    const { rig, talker } = stageService("RecvRequest");
    const read = (): Int32Array => {
      const bytes = ask(rig, 4);
      const statistics = new Int32Array(RX_STATISTICS_COUNT);
      expect(readRxStatistics(bytes, HEADER_SIZE, bytes.length, statistics)).toBe(true);
      return statistics;
    };
    const before = read();
    expect([before[RxStatistic.MinRttSec], before[RxStatistic.RttSamples]]).toEqual([9_999_999, 0]);
    rig.exchange(talker.data(1));
    rig.exchange(talker.ping());
    rig.endpoint.local.stats.addRtt(2_500_000);
    const after = read();
    const grown = (index: number): number => (after[index] as number) - (before[index] as number);
    expect(
      [RxStatistic.DataPacketsRead, RxStatistic.AckPacketsRead, RxStatistic.DupPacketsRead].map(grown),
    ).toEqual([1, 1, 1]);
    expect(grown(RxStatistic.PacketsRead + PacketType.Data - 1)).toBe(1);
    expect(grown(RxStatistic.AckPacketsSent)).toBe(2);
    expect([
      after[RxStatistic.TotalRttSec],
      after[RxStatistic.TotalRttUsec],
      after[RxStatistic.MinRttSec],
    ]).toEqual([2, 500_000, 2]);
    expect([
      after[RxStatistic.ServerConns],
      after[RxStatistic.ClientConns],
      after[RxStatistic.PeerStructs],
    ]).toEqual([1, 0, 1]);
    expect(after[RxStatistic.CallStructs]).toBeGreaterThanOrEqual(4);
  });
});
