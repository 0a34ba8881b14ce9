// Calls brought into each state, on the service's and on the client's side.

import type { CallHandle } from "../../../src/core/call-handle.js";
import { type Call, CallState } from "../../../src/core/call-object.js";
import type { Bundle } from "../../../src/core/conn-client.js";
import { clientTalker, Talker } from "./packets.js";
import { FRIEND, LAST, Listener, Rig, type RigOptions, SERVICE_ID } from "./rig.js";

export interface Stage {
  readonly rig: Rig;
  /** Says what the other end says, for the call in question. */
  readonly talker: Talker;
  readonly handle: CallHandle;
  readonly call: Call;
  readonly listener: Listener;
}

/** The state names that both tables use. */
export const SERVICE_STATES = [
  "RecvRequest",
  "AckRequest",
  "SendReply",
  "AwaitAck",
  "Succeeded",
  "Aborted",
  "AbortedByPeer",
] as const;
export type ServiceStateName = (typeof SERVICE_STATES)[number];
export const CLIENT_STATES = [
  "SendRequest",
  "AwaitReply",
  "RecvReply",
  "Succeeded",
  "Aborted",
  "AbortedByPeer",
] as const;
export type ClientStateName = (typeof CLIENT_STATES)[number];

const packetOf = (bytes: number): Uint8Array => new Uint8Array(bytes);

/** A service's call number 2 on channel 0, in the state asked for. Everything sent on the way is gone. */
export function stageService(state: ServiceStateName, options: RigOptions = {}, from = FRIEND): Stage {
  const rig = new Rig(options);
  const service = rig.offer();
  const talker = clientTalker({ callNumber: 2 });
  const isWholeRequest = state !== "RecvRequest";
  rig.feed(talker.data(1, 8, isWholeRequest ? LAST : 0), from);
  rig.drain();
  const handle = rig.newCalls[0] as CallHandle;
  const call = handle.call as Call;
  const listener = new Listener();
  service.accept(handle, 1n);
  handle.listener = listener;
  rig.poll();
  if (state === "SendReply") handle.write(packetOf(40 * 1_412), 0, 40 * 1_412);
  if (state === "AwaitAck" || state === "Succeeded") {
    handle.write(packetOf(8), 0, 8);
    handle.end();
  }
  rig.poll();
  if (state === "Succeeded") rig.feed(talker.ack({ firstPacket: 2 }), from);
  if (state === "Aborted") handle.abort(42);
  if (state === "AbortedByPeer") rig.feed(talker.abort(43), from);
  rig.drain();
  rig.poll();
  return { rig, talker, handle, call, listener };
}

export function openTestBundle(rig: Rig, connectionsMax = 1, wantsUpgrade = false): Bundle {
  return rig.endpoint.openBundle({
    remote: FRIEND,
    serviceId: SERVICE_ID,
    securityIndex: 0,
    connectionsMax,
    wantsUpgrade,
  });
}

/** What the server of `call` says. */
export function serverTalker(call: Call): Talker {
  const connection = call.connection;
  if (connection === null) throw new Error("the call has no connection yet");
  return new Talker({
    epoch: connection.epoch,
    cid: connection.connectionId | call.channel,
    callNumber: call.callNumber,
    serviceId: connection.serviceId,
    flags: 0,
  });
}

/** A client's call number 2 on channel 0, in the state asked for. */
export function stageClient(state: ClientStateName, options: RigOptions = {}): Stage {
  const rig = new Rig(options);
  const bundle = openTestBundle(rig);
  const first = rig.endpoint.beginCall(bundle, new Listener());
  first.end();
  const firstTalker = serverTalker(first.call as Call);
  rig.poll();
  rig.feed(firstTalker.data(1, 8, LAST));
  rig.drain();
  rig.pass(10_000);
  const listener = new Listener();
  const handle = rig.endpoint.beginCall(bundle, listener);
  const call = handle.call as Call;
  const talker = serverTalker(call);
  handle.write(packetOf(8), 0, 8);
  if (state !== "SendRequest") handle.end();
  rig.poll();
  if (state === "RecvReply") rig.feed(talker.data(1));
  if (state === "Succeeded") rig.feed(talker.data(1, 8, LAST));
  if (state === "Aborted") handle.abort(42);
  if (state === "AbortedByPeer") rig.feed(talker.abort(43));
  rig.drain();
  rig.poll();
  // Delayed ACKs of the way here are not what a test asks about.
  rig.pass(110_000);
  return { rig, talker, handle, call, listener };
}

export function stateName(state: CallState): string {
  for (const [name, value] of Object.entries(CallState)) if (value === state) return name;
  return String(state);
}
