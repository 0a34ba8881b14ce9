import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PcapngTap, PcapngWriter } from "../../../src/transport/pcapng.js";
import { Direction } from "../../../src/transport/pcapng-format.js";
import { SimulatedNetwork } from "../../../src/transport/simulated-network.js";
import { UdpTransport } from "../../../src/transport/udp.js";
import { Address } from "../../../src/util/address.js";
import { bytesOf, RecordingSink, until } from "./recording-sink.js";

const mustHavePeers = process.env["RXRPC_REQUIRE_PEERS"] === "1";
const hasTshark = spawnSync("tshark", ["--version"]).status === 0;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pcapng-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SERVER4 = Address.from("192.0.2.1", 7009) as Address;
const CLIENT4 = Address.from("198.51.100.7", 40_001) as Address;
const SERVER6 = Address.from("2001:db8::1", 7009) as Address;
const CLIENT6 = Address.from("2001:db8::2", 40_002) as Address;

/** A version request: 28 bytes of Rx header (type 13, client-initiated) and the 65 bytes that go with it. */
function versionRequest(): Uint8Array {
  const bytes = new Uint8Array(28 + 65).fill(0x41, 28);
  bytes.set([0x80, 0, 0, 1], 0);
  bytes[20] = 13;
  bytes[21] = 1;
  return bytes;
}

function tshark(file: string, ...rest: string[]): string[] {
  const text = execFileSync("tshark", ["-r", file, "-d", "udp.port==7009,rx", ...rest], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return text.split("\n").filter((line) => line !== "");
}

describe("PcapngWriter", () => {
  test.skipIf(!hasTshark && !mustHavePeers)(
    "writes what tshark reads: addresses, times, directions, checksums",
    async () => {
      const file = join(folder, "both.pcapng");
      let us = 1_700_000_000_000_000;
      const writer = await PcapngWriter.open(file, { epochUs: () => (us += 1_000_001) });
      const rx = versionRequest();
      // Odd and even lengths, so that the padding and the odd byte of the checksum are met.
      writer.record(Direction.Inbound, CLIENT4, SERVER4, rx, 0, rx.length);
      writer.record(Direction.Outbound, SERVER4, CLIENT4, rx, 0, rx.length - 1);
      writer.record(Direction.Inbound, CLIENT6, SERVER6, rx, 0, rx.length - 2);
      writer.record(Direction.Outbound, SERVER6, CLIENT6, rx, 0, rx.length - 3);
      // A socket for both families has the IPv6 wildcard as its own address.
      writer.record(Direction.Inbound, CLIENT4, Address.from("::", 7009) as Address, rx, 0, rx.length);
      await writer.close();
      expect(writer.counters).toEqual({ recorded: 5, skipped: 0 });
      const checks = ["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
      const fields = [
        "frame.time_epoch",
        "frame.packet_flags_direction",
        "ip.src",
        "ipv6.src",
        "udp.srcport",
        "udp.dstport",
        "udp.length",
        "ip.checksum.status",
        "udp.checksum.status",
        "rx.type",
      ].flatMap((field) => ["-e", field]);
      const rows = tshark(file, ...checks, "-T", "fields", "-E", "separator=,", ...fields);
      expect(rows.map((row) => row.replace(/0x0*(\d)/g, "$1"))).toEqual([
        "1700000001.000001000,1,198.51.100.7,,40001,7009,101,1,1,13",
        "1700000002.000002000,2,192.0.2.1,,7009,40001,100,1,1,13",
        "1700000003.000003000,1,,2001:db8::2,40002,7009,99,,1,13",
        "1700000004.000004000,2,,2001:db8::1,7009,40002,98,,1,13",
        "1700000005.000005000,1,198.51.100.7,,40001,7009,101,1,1,13",
      ]);
      expect(tshark(file, "-Y", "_ws.malformed || _ws.expert.severity >= 6291456")).toEqual([]);
    },
  );

  test("every block is a multiple of four and has its length at both ends", async () => {
    const file = join(folder, "blocks.pcapng");
    const writer = await PcapngWriter.open(file);
    const bytes = new Uint8Array(1500).map((_, i) => i);
    for (let i = 0; i < 600; i++) {
      const isIn = (i & 1) === 0;
      writer.record(
        isIn ? Direction.Inbound : Direction.Outbound,
        CLIENT4,
        SERVER4,
        bytes,
        i & 7,
        (i * 7) % 1400,
      );
    }
    await writer.close();
    const data = readFileSync(file);
    let [at, packets] = [0, 0];
    const lengths: number[] = [];
    while (at < data.length) {
      const length = data.readUInt32BE(at + 4);
      expect(length & 3).toBe(0);
      expect(data.readUInt32BE(at + length - 4)).toBe(length);
      if (data.readUInt32BE(at) === 6) {
        packets++;
        lengths.push(data.readUInt32BE(at + 20) - 28);
      }
      at += length;
    }
    expect(at).toBe(data.length);
    expect(packets).toBe(600);
    expect(lengths).toEqual(Array.from({ length: 600 }, (_, i) => (i * 7) % 1400));
    expect(data.readUInt32BE(8)).toBe(0x1a2b3c4d);
    expect(data.readUInt16BE(28 + 8)).toBe(101);
    expect(statSync(file).mode & 0o077).toBe(0);
  });

  test("stops at the size of file it was given, and counts what it leaves out", async () => {
    const file = join(folder, "small.pcapng");
    const writer = await PcapngWriter.open(file, { fileMaxBytes: 2000 });
    const bytes = new Uint8Array(400);
    for (let i = 0; i < 10; i++) writer.record(Direction.Inbound, CLIENT4, SERVER4, bytes, 0, 400);
    await writer.close();
    expect(writer.counters).toEqual({ recorded: 4, skipped: 6 });
    expect(statSync(file).size).toBeLessThanOrEqual(2000);
    writer.record(Direction.Inbound, CLIENT4, SERVER4, bytes, 0, 400);
    expect(writer.counters.skipped).toBe(7);
  });

  test("skips when the disk does not follow, and what is too long for an IP packet", async () => {
    const writer = await PcapngWriter.open(join(folder, "queue.pcapng"), { queueMaxBytes: 300_000 });
    const bytes = new Uint8Array(65_508);
    // All in one turn of the loop, in which nothing reaches the disk.
    for (let i = 0; i < 10; i++) writer.record(Direction.Inbound, CLIENT4, SERVER4, bytes, 0, 60_000);
    expect(writer.counters.recorded).toBe(4);
    writer.record(Direction.Inbound, CLIENT4, SERVER4, bytes, 0, 65_508);
    expect(writer.counters.skipped).toBe(7);
    await writer.close();
  });

  test("what is recorded reaches the file without close", async () => {
    const file = join(folder, "live.pcapng");
    const writer = await PcapngWriter.open(file);
    writer.record(Direction.Inbound, CLIENT4, SERVER4, new Uint8Array(100), 0, 100);
    await until(() => statSync(file).size > 60 + 100, "the record on disk");
    await Promise.all([writer.close(), writer.close()]);
  });

  test("a file that cannot be made is a typed error, a disk that fails ends the recording only", async () => {
    await expect(PcapngWriter.open(join(folder, "no", "such", "folder"))).rejects.toMatchObject({
      name: "RxError",
    });
    await expect(PcapngWriter.open(join(folder, "x"), { fileMaxBytes: 1 })).rejects.toMatchObject({
      option: "fileMaxBytes",
    });
    await expect(PcapngWriter.open(join(folder, "x"), { size: 1 } as never)).rejects.toMatchObject({
      option: "pcapng.size",
    });
  });

  test.skipIf(process.platform !== "linux")("a full disk ends the recording only", async () => {
    const writer = await PcapngWriter.open("/dev/full");
    await until(() => writer.error !== undefined, "ENOSPC");
    writer.record(Direction.Inbound, CLIENT4, SERVER4, new Uint8Array(4), 0, 4);
    expect(writer.counters).toEqual({ recorded: 0, skipped: 1 });
    await writer.close();
  });
});

describe("PcapngTap", () => {
  test("passes everything unchanged and records both directions", async () => {
    const file = join(folder, "tap.pcapng");
    const writer = await PcapngWriter.open(file);
    const tap = new PcapngTap(new UdpTransport(), writer);
    const peer = new UdpTransport();
    const [atTap, atPeer] = [new RecordingSink(), new RecordingSink()];
    try {
      await tap.open(atTap);
      await peer.open(atPeer);
      const bytes = bytesOf("-question-");
      tap.send(bytes, 1, 8, peer.local, "127.0.0.1");
      await until(() => atPeer.datagrams.length === 1, "question");
      peer.send(bytesOf("answer"), 0, 6, tap.local, "127.0.0.1");
      await until(() => atTap.datagrams.length === 1, "answer");
      expect(atPeer.texts).toEqual(["question"]);
      expect(atTap.texts).toEqual(["answer"]);
      expect(atTap.datagrams[0]?.remote.equals(peer.local)).toBe(true);
      expect(tap.counters).toMatchObject({ datagramsIn: 1, datagramsOut: 1 });
      tap.handleError(new Error("network"));
      expect(atTap.errors.length).toBe(1);
    } finally {
      await tap.close();
      await peer.close();
      await writer.close();
    }
    const text = readFileSync(file, "latin1");
    expect(text.indexOf("question")).toBeGreaterThan(0);
    expect(text.indexOf("answer")).toBeGreaterThan(text.indexOf("question"));
    expect(writer.counters.recorded).toBe(2);
  });

  test("does not record what the transport refused", async () => {
    const network = new SimulatedNetwork({ seed: 1 });
    const port = network.attach("10.0.0.1", 1);
    const writer = await PcapngWriter.open(join(folder, "refused.pcapng"));
    const tap = new PcapngTap(port, writer);
    void tap.open(new RecordingSink());
    port.isBlocked = true;
    expect(tap.send(new Uint8Array(4), 0, 4, SERVER4, "192.0.2.1")).toBe(false);
    await writer.close();
    expect(writer.counters).toEqual({ recorded: 0, skipped: 0 });
  });
});
