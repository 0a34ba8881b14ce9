// One cell of the table of packets and states: puts a packet to a call in a state, and says in short words what happened.
import { type Call, CallState } from "../../../src/core/call-object.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import {
  type ClientStateName,
  type ServiceStateName,
  stageClient,
  stageService,
  stateName,
} from "./calls.js";
import { clientTalker, Talker } from "./packets.js";
import { LAST, Rig, SERVICE_ID } from "./rig.js";

/** Packets of the columns. `DATA n` is the n-th of its direction, `LAST n` that with the flag. */
export const PACKETS = [
  "DATA 1",
  "DATA 2",
  "LAST 2",
  "ACK",
  "PING",
  "ACKALL",
  "BUSY",
  "ABORT",
  "CHALLENGE",
  "RESPONSE",
  "type 9",
] as const;
export type PacketName = (typeof PACKETS)[number];

/** The packet's call number as seen from the call's. */
export const NUMBERS = ["this", "old", "next", "zero"] as const;
export type NumberName = (typeof NUMBERS)[number];

const DELTA: Record<Exclude<NumberName, "zero">, number> = { this: 0, old: -1, next: 1 };

function make(talker: Talker, name: PacketName, hardAcked: number): Uint8Array {
  switch (name) {
    case "DATA 1":
      return talker.data(1);
    case "DATA 2":
      return talker.data(2);
    case "LAST 2":
      return talker.data(2, 8, LAST);
    case "ACK":
      return talker.ack({ firstPacket: hardAcked + 1, reason: AckReason.Idle });
    case "PING":
      return talker.ping();
    case "ACKALL":
      return talker.of(PacketType.AckAll);
    case "BUSY":
      return talker.of(PacketType.Busy);
    case "ABORT":
      return talker.abort(77);
    case "CHALLENGE":
      return talker.of(PacketType.Challenge, new Uint8Array(20));
    case "RESPONSE":
      return talker.of(PacketType.Response, new Uint8Array(20));
    case "type 9":
      return talker.of(PacketType.Params);
  }
}

function numbered(talker: Talker, number: NumberName): Talker {
  const callNumber = number === "zero" ? 0 : (talker.shared.callNumber as number) + DELTA[number];
  return talker.with({ callNumber });
}

// What the endpoint did: what it sent, how the call went on, why it dropped.
function outcome(rig: Rig, call: Call | null, bytes: Uint8Array): string {
  const before = rig.endpoint.local.stats.snapshot() as Record<string, number>;
  const stateBefore = call?.state ?? CallState.Spare;
  const callsBefore = rig.newCalls.length;
  rig.feed(bytes);
  const stateAfter = call?.state ?? CallState.Spare;
  // Looked at before the owner is told and gives the call back.
  const end = ending(call);
  rig.drain();
  const parts = shortened(rig.names());
  if (stateAfter !== stateBefore)
    parts.push(stateAfter === CallState.Complete ? end : `-> ${stateName(stateAfter)}`);
  if (rig.newCalls.length > callsBefore) parts.push("new call");
  const delayed = rig.pass(150_000).filter((sent) => sent.header.type === PacketType.Ack);
  if (parts.length === 0 && delayed.length > 0) parts.push("delayed ACK");
  parts.push(...rig.dropsSince(before).map((name) => name.replace("Drop", "drop ")));
  void rig.buffersUsed;
  return parts.length === 0 ? "-" : parts.join(", ");
}

// A burst of DATA is as long as the windows; that it goes on is what counts.
function shortened(names: string[]): string[] {
  return names.length > 2 ? ["more DATA"] : names;
}

const ENDINGS = [
  "",
  "succeeds",
  "ends: aborted by the peer",
  "ends: aborted",
  "ends: local error",
  "ends: network error",
];

function ending(call: Call | null): string {
  return ENDINGS[call?.completion ?? 0] ?? "ends";
}

export function serviceCell(state: ServiceStateName, packet: PacketName, number: NumberName): string {
  const { rig, talker, call } = stageService(state);
  const hardAcked = call.tx.next - 1;
  return outcome(rig, call, make(numbered(talker, number), packet, state === "Succeeded" ? 1 : hardAcked));
}

export function clientCell(state: ClientStateName, packet: PacketName, number: NumberName): string {
  const { rig, talker, call } = stageClient(state);
  const hardAcked = call.tx.next - 1;
  return outcome(rig, call, make(numbered(talker, number), packet, hardAcked));
}

/** A service endpoint that has never heard of the connection. */
export function unknownServiceCell(packet: PacketName): string {
  const rig = new Rig();
  rig.offer();
  return outcome(rig, null, make(clientTalker(), packet, 0));
}

/** A connection that is known, and a channel of it that has had no call. */
export function idleChannelCell(packet: PacketName): string {
  const { rig, talker } = stageService("Succeeded");
  return outcome(
    rig,
    null,
    make(talker.with({ cid: (talker.shared.cid as number) + 1, callNumber: 1 }), packet, 0),
  );
}

/** A client endpoint that has never heard of the connection. */
export function unknownClientCell(packet: PacketName): string {
  const rig = new Rig();
  const talker = new Talker({ epoch: 5, cid: 0x2000, callNumber: 1, serviceId: SERVICE_ID, flags: 0 });
  return outcome(rig, null, make(talker, packet, 0));
}
