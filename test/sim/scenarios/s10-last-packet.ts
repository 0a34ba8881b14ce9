// S10: only the last packet, or only the last ACK, is lost: no later packet betrays the loss.
import { Completion } from "../../../src/core/call-object.js";
import { AckBody, readAck } from "../../../src/wire/ack.js";
import { HEADER_SIZE, PacketHeader, readHeader } from "../../../src/wire/header.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { Violation } from "../checkers.js";
import type { End } from "../pair.js";
import type { SimScenario } from "../run-seed.js";

const header = new PacketHeader();
const ack = new AckBody();

export const s10: SimScenario = {
  id: "S10",
  title: "loss of only the last packet or the last ACK",
  path: { delayMeanUs: 10_000, delayJitterUs: 2_000 },
  faults: ["lateTimer", "slowHandler", "slowReader"],
  start(world) {
    const server = world.addServer();
    world.addClients(1);
    const times = world.pick(1, 3);
    const client = world.clients[0]?.end as End;
    const kind = world.pick(0, 2);
    loseFirst(kind === 1 ? server.end : client, times, kind === 2 ? isFinalAck : isLastData);
    const bytes = world.oneOf([0, 100, 50_000]);
    world.addCalls(4, bytes, bytes);
  },
  expect(world) {
    for (const { services } of world.servers)
      for (const { served } of services)
        for (const { id, completion } of served)
          if (completion !== Completion.Succeeded)
            throw new Violation("S10", `request ${id} ended with ${completion} at its service`);
  },
  // Final ACKs that are lost are asked for again.
  settlesUs: 10_000_000,
};

// Loses the first `times` packets of each call that match.
function loseFirst(end: End, times: number, matches: (packet: Uint8Array) => boolean): void {
  const lost = new Map<string, number>();
  end.loses = (bytes, offset, length) => {
    const packet = bytes.subarray(offset, offset + length);
    readHeader(packet, 0, header);
    if (!matches(packet)) return false;
    const key = `${header.cid} ${header.callNumber}`;
    const before = lost.get(key) ?? 0;
    lost.set(key, before + 1);
    return before < times;
  };
}

function isLastData(): boolean {
  return header.type === PacketType.Data && (header.flags & PacketFlag.LastPacket) !== 0;
}

function isFinalAck(packet: Uint8Array): boolean {
  if (header.type !== PacketType.Ack || !readAck(packet, HEADER_SIZE, packet.length, ack)) return false;
  return ack.firstPacket > 1 && ack.nAcks === 0;
}
