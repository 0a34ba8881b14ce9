// Service calls at a buffer pool that a test fills: what the tests of waiting for a buffer have in common.
import type { CallHandle } from "../../../src/core/call-handle.js";
import type { Call } from "../../../src/core/call-object.js";
import type { EndpointOptions } from "../../../src/core/config.js";
import { BufferClass } from "../../../src/memory/buffer-class.js";
import { clientTalker, type Talker } from "./packets.js";
import { Listener, nameOf, Rig, type Sent } from "./rig.js";

/** Payload of a full packet. */
export const PACKET = 1_412;
/** Each class leaves one buffer to the next one above it; four are left to what requests are not. */
export const SMALL: EndpointOptions = { buffersMax: 16, receiveWindowPackets: 12, transmitQueuePackets: 8 };

export const talkerOf = (n: number): Talker => clientTalker({ cid: 0x10_000 + 4 * n });

export interface Member {
  readonly talker: Talker;
  readonly handle: CallHandle;
  readonly call: Call;
  readonly listener: Listener;
}

/** A service with `n` calls, of each of which the first packet is there and not read; `flags` are that packet's. */
export function stage(n: number, options: EndpointOptions = {}, flags = 0): { rig: Rig; members: Member[] } {
  const rig = new Rig({ options: { ...SMALL, ...options } });
  const service = rig.offer({}, 8);
  const members = Array.from({ length: n }, (_, i): Member => {
    const talker = talkerOf(i);
    rig.exchange(talker.data(1, 8, flags));
    const handle = rig.newCalls[i] as CallHandle;
    const listener = new Listener();
    service.accept(handle, BigInt(i));
    handle.listener = listener;
    return { talker, handle, call: handle.call as Call, listener };
  });
  rig.drain();
  rig.poll();
  return { rig, members };
}

/** Takes all that a class may have, as calls do that are none of the test's business. */
export function hog(rig: Rig, bufferClass: BufferClass = BufferClass.End): number[] {
  const { buffers } = rig.endpoint.local;
  return Array.from({ length: buffers.freeFor(bufferClass) }, () => buffers.take(bufferClass));
}

export function give(rig: Rig, buffers: number[], count = buffers.length): void {
  for (const buffer of buffers.splice(0, count)) rig.endpoint.local.buffers.give(buffer);
}

/** What was sent of calls' business: round-trip PINGs are not. */
export const names = (sent: readonly Sent[]): string[] =>
  sent.map(nameOf).filter((name) => name !== "ACK Ping");
export const exchange = (rig: Rig, bytes: Uint8Array): string[] => {
  rig.feed(bytes);
  rig.drain();
  return names(rig.poll());
};
