// tshark as the judge of our bytes: every packet type and ACK reason that we send, decoded without a malformed field.
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type DatagramTransport,
  nullSecurity,
  PcapngTap,
  PcapngWriter,
  RxAbort,
  RxClient,
  rxperfService,
  type SecurityClass,
  type SecurityContext,
  service,
} from "../../src/index.js";
import { putInt32 } from "../../src/util/bytes.js";
import { AckReason } from "../../src/wire/ack.js";
import { DebugRequest, DebugRequestType, writeDebugRequest } from "../../src/wire/debug.js";
import { PacketFlag, PacketType } from "../../src/wire/packet-type.js";
import { eventually } from "../eventually.js";
import { RawPeer } from "./raw-peer.js";
import { patternAt, patternRpc, RXPERF_SERVICE_ID, startServer } from "./support.js";

const SECURED_ID = 10;
const STUCK_ID = 11;
const REFUSING_ID = 12;
const WRONG_RESPONSE = 19_270_408;
const NONCE = 0x00012345;

describe.skipIf(!tsharkAvailable())("tshark on what we send", () => {
  let folder = "";
  let path = "";
  const ports: number[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "rxrpc-tshark-"));
    path = join(folder, "capture.pcapng");
    const writer = await PcapngWriter.open(path);
    await provokeEverything((transport) => new PcapngTap(transport, writer), ports);
    await writer.close();
    expect(writer.counters.skipped).toBe(0);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const fields = (filter: string, ...names: readonly string[]) => tshark(path, ports, filter, names);
  const fromUs = () => ports.map((port) => `udp.srcport==${port}`).join(" || ");

  test("finds no malformed packet, no warning, and nothing that is not Rx", () => {
    expect(fields("_ws.malformed || _ws.expert.severity >= 0x600000", "frame.number", "rx.type")).toEqual([]);
    expect(fields("udp && !rx", "frame.number")).toEqual([]);
  });

  test("sees every packet type that there is, but ACKALL, which we never send", () => {
    const types = new Set(fields("rx", "rx.type").map(Number));
    const { Data, Ack, Busy, Abort, Challenge, Response, Debug, Version } = PacketType;
    expect([...types].sort((a, b) => a - b)).toEqual(
      [Data, Ack, Busy, Abort, Challenge, Response, Debug, Version].sort((a, b) => a - b),
    );
  });

  test("sees ACKs of every reason, with four trailer words", () => {
    const reasons = new Set(fields(`rx.type==2 && (${fromUs()})`, "rx.reason").map(Number));
    expect([...reasons].sort((a, b) => a - b)).toEqual(Object.values(AckReason));
    expect(
      fields(
        `rx.type==2 && (${fromUs()}) && !(rx.max_packets && rx.rwind && rx.if_mtu && rx.max_mtu)`,
        "frame.number",
      ),
    ).toEqual([]);
  });

  test("reads our abort codes, of calls and of connections", () => {
    const aborts = new Set(fields(`rx.type==4 && (${fromUs()})`, "rx.abort_code", "rx.callnumber"));
    expect(aborts).toContain("4242\t1");
    expect(aborts).toContain("-2\t1");
    expect(aborts).toContain(`${WRONG_RESPONSE}\t0`);
  });

  test("reads the fields of our CHALLENGE and RESPONSE", () => {
    expect(fields("rx.type==6", "rx.version", "rx.nonce", "rx.callnumber")).toContain("2\t0x00012345\t0");
    expect(fields("rx.type==7", "rx.version", "rx.kvno", "rx.ticket_len")).toContain("2\t5\t8");
  });
});

/** Runs calls, and packets made by hand, until everything that we can send has been sent. Notes the servers' ports. */
async function provokeEverything(
  tap: (transport: DatagramTransport) => DatagramTransport,
  ports: number[],
): Promise<void> {
  const security = [nullSecurity, new ToyClass(5, 0), new ToyClass(6, WRONG_RESPONSE)];
  await using server = await startServer(
    [
      rxperfService({ pattern: patternAt }),
      service({ id: SECURED_ID, call: (call) => call.readAll() }),
      service({ id: STUCK_ID, backlog: 1, concurrency: 1, call: (call) => untilOver(call.signal) }),
      service({ id: REFUSING_ID, call: () => Promise.reject(new RxAbort(4_242)) }),
    ],
    { wrapTransport: tap, security },
  );
  await using small = await startServer([service({ id: STUCK_ID, call: (call) => untilOver(call.signal) })], {
    wrapTransport: tap,
    buffersMax: 8,
  });
  ports.push(server.port, small.port);
  await callAll(server.port, security);
  await sendOddities(server.port);
  await exhaustBuffers(small.port);
  // Before the handlers' own ends, so that nothing waits for peers that do not answer.
  await Promise.all([server.close(), small.close()]);
}

async function callAll(port: number, security: readonly SecurityClass[]): Promise<void> {
  const host = "127.0.0.1";
  const open = (serviceId: number, securityIndex = 0) =>
    RxClient.connect({ host, port, serviceId, securityIndex, socket: { security } });
  await using perf = await open(RXPERF_SERVICE_ID);
  await patternRpc(perf, 100_000, 100_000);
  await using secured = await open(SECURED_ID, 5);
  expect(await secured.call(new Uint8Array(3_000))).toHaveLength(3_000);
  await using wrong = await open(SECURED_ID, 6);
  await expect(wrong.call(new Uint8Array(10))).rejects.toMatchObject({ abortCode: WRONG_RESPONSE });
  await using refused = await open(REFUSING_ID);
  await expect(refused.call(new Uint8Array(10))).rejects.toMatchObject({ abortCode: 4_242 });
  await using nowhere = await open(999);
  await expect(nowhere.call(new Uint8Array(10))).rejects.toMatchObject({ abortCode: -2 });
}

/** ACKs of each reason, BUSY, VERSION, and DEBUG of each type. */
async function sendOddities(port: number): Promise<void> {
  await using peer = await RawPeer.connect(port, STUCK_ID);
  await using second = await RawPeer.connect(port, STUCK_ID);
  peer.data(1, 1);
  await heard(peer, PacketType.Ack, AckReason.Ping);
  second.data(1, 1);
  await heard(second, PacketType.Busy); // the one handler is taken
  peer.data(1, 2, PacketFlag.RequestAck);
  peer.data(1, 2);
  peer.data(1, 4);
  peer.data(1, 100);
  peer.ack(1, AckReason.Ping);
  const { Requested, Duplicate, OutOfSequence, ExceedsWindow, PingResponse } = AckReason;
  for (const reason of [Requested, Duplicate, OutOfSequence, ExceedsWindow, PingResponse]) {
    await heard(peer, PacketType.Ack, reason);
  }
  peer.data(1, 3);
  for (let seq = 5; seq < 9; seq++) peer.data(1, seq);
  await heard(peer, PacketType.Ack, AckReason.Delay);
  peer.ask(PacketType.Version, new Uint8Array(1));
  await heard(peer, PacketType.Version);
  for (const type of Object.values(DebugRequestType)) {
    const before = peer.heard(PacketType.Debug);
    peer.ask(PacketType.Debug, debugRequest(type));
    await eventually(() => expect(peer.heard(PacketType.Debug)).toBe(before + 1));
  }
}

/** More data than there are buffers, which nobody reads: NoSpace. */
async function exhaustBuffers(port: number): Promise<void> {
  await using peer = await RawPeer.connect(port, STUCK_ID);
  for (let seq = 1; seq <= 16; seq++) peer.data(1, seq);
  await heard(peer, PacketType.Ack, AckReason.NoSpace);
}

function heard(peer: RawPeer, type: PacketType, reason: AckReason | 0 = 0): Promise<void> {
  return eventually(() => expect(peer.heard(type, reason)).toBeGreaterThan(0));
}

function debugRequest(type: number): Uint8Array {
  const request = new DebugRequest();
  request.type = type;
  const bytes = new Uint8Array(16);
  return bytes.subarray(0, writeDebugRequest(bytes, 0, request));
}

function untilOver(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

/**
 * A security class whose CHALLENGE and RESPONSE have rxkad's form, which tshark knows, and no secrets: the RESPONSE
 * repeats the nonce. `verdict` is what the service says to a right one.
 */
class ToyClass implements SecurityClass {
  readonly securityIndex: number;
  readonly name = "toy";
  readonly needsChallenge = true;
  readonly headerBytes = 0;
  readonly trailerBytes = 0;
  readonly #verdict: number;

  constructor(securityIndex: number, verdict: number) {
    this.securityIndex = securityIndex;
    this.#verdict = verdict;
  }

  createContext(): SecurityContext {
    let nonce = 0;
    return {
      protectData: () => undefined,
      verifyData: () => 0,
      writeChallenge: (bytes, offset) => {
        for (const [i, word] of [2, NONCE, 0, 0].entries()) putInt32(bytes, offset + 4 * i, word);
        return offset + 16;
      },
      verifyResponse: (bytes, offset, end) => {
        const isRight = end - offset === 64 && bytes[offset + 63] === (NONCE & 255);
        return isRight ? this.#verdict : -1;
      },
      acceptChallenge: (bytes, offset, end) => {
        if (end - offset !== 16) return -1;
        nonce = bytes[offset + 7] as number;
        return 0;
      },
      // version, spare, 40 bytes that would be encrypted, kvno, ticket length, ticket
      writeResponse: (_header, bytes, offset) => {
        bytes.fill(0, offset, offset + 64);
        putInt32(bytes, offset, 2);
        putInt32(bytes, offset + 48, 5);
        putInt32(bytes, offset + 52, 8);
        bytes[offset + 63] = nonce;
        return offset + 64;
      },
      dispose: () => undefined,
    };
  }
}

function tsharkAvailable(): boolean {
  try {
    execFileSync("tshark", ["--version"], { stdio: "pipe" });
    return true;
  } catch (cause) {
    if (process.env["RXRPC_REQUIRE_PEERS"] === "1")
      throw new Error("RXRPC_REQUIRE_PEERS is set, but tshark is missing", { cause });
    console.warn("Skipped, as tshark is missing");
    return false;
  }
}

/** The named fields of every packet that matches, one line each. */
function tshark(path: string, ports: readonly number[], filter: string, names: readonly string[]): string[] {
  const decode = ports.flatMap((port) => ["-d", `udp.port==${port},rx`]);
  const fields = names.flatMap((name) => ["-e", name]);
  const output = execFileSync(
    "tshark",
    ["-n", "-r", path, ...decode, "-Y", filter, "-T", "fields", ...fields],
    {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  return output.split("\n").filter((line) => line !== "");
}
