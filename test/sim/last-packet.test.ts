// Only the last packet, or only the last ACK, is lost: no later packet betrays the loss.
import { expect, test } from "vitest";
import { AckBody, readAck } from "../../src/wire/ack.js";
import { HEADER_SIZE, PacketHeader, readHeader } from "../../src/wire/header.js";
import { PacketFlag, PacketType } from "../../src/wire/packet-type.js";
import type { End } from "./pair.js";
import { eachSeed, runScenario } from "./scenario.js";

const PATH = { delayMeanUs: 10_000, delayJitterUs: 2_000 };
const header = new PacketHeader();
const ack = new AckBody();

/** Loses the first `times` packets of each call that `matches`. */
function loseFirst(end: End, times: number, matches: (bytes: Uint8Array, end: number) => boolean): void {
  const lost = new Map<string, number>();
  end.loses = (bytes, offset, length) => {
    const packet = bytes.subarray(offset, offset + length);
    readHeader(packet, 0, header);
    if (!matches(packet, length)) return false;
    const key = `${header.cid} ${header.callNumber}`;
    const before = lost.get(key) ?? 0;
    lost.set(key, before + 1);
    return before < times;
  };
}

const isLastData = (): boolean =>
  header.type === PacketType.Data && (header.flags & PacketFlag.LastPacket) !== 0;
const isFinalAck = (packet: Uint8Array, length: number): boolean =>
  header.type === PacketType.Ack &&
  readAck(packet, HEADER_SIZE, length, ack) &&
  ack.firstPacket > 1 &&
  ack.nAcks === 0;

for (const times of [1, 3]) {
  for (const bytes of [100, 50_000]) {
    const limitUs = 30_000_000;
    const sizes = { faults: PATH, callsPerClient: 4, requestBytes: bytes, replyBytes: bytes, limitUs };

    test(`last request packet lost ${times} times, ${bytes} bytes`, () => {
      eachSeed(10, (seed, hasTrace) => {
        const run = runScenario(
          { ...sizes, prepare: ({ clients }) => clients.forEach((end) => loseFirst(end, times, isLastData)) },
          seed,
          hasTrace,
        );
        expect(run.tookUs).toBeLessThan(times === 1 ? 2_000_000 : 6_000_000);
      });
    });

    test(`last reply packet lost ${times} times, ${bytes} bytes`, () => {
      eachSeed(10, (seed, hasTrace) => {
        const run = runScenario(
          { ...sizes, prepare: ({ server }) => loseFirst(server, times, isLastData) },
          seed,
          hasTrace,
        );
        expect(run.tookUs).toBeLessThan(times === 1 ? 2_000_000 : 6_000_000);
      });
    });

    test(`final ACK lost ${times} times, ${bytes} bytes: the service's call still succeeds`, () => {
      eachSeed(10, (seed, hasTrace) => {
        const run = runScenario(
          { ...sizes, prepare: ({ clients }) => clients.forEach((end) => loseFirst(end, times, isFinalAck)) },
          seed,
          hasTrace,
        );
        expect(run.service.served.map((served) => served.completion)).toEqual([1, 1, 1, 1]);
      });
    });
  }
}
