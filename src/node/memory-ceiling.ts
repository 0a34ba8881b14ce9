// What the limits of an endpoint can cost, so that the ceiling is known before the first packet comes.

import type { EndpointConfig } from "../core/config.js";
import { TRANSMIT_ROOM } from "../core/output.js";
import { REPLIES_BYTES } from "../core/refusal.js";
import type { MemoryLimits } from "../rpc/call-memory.js";
import { RECEIVE_MAX, SLOT_BYTES } from "../transport/native/binding.js";

/** One line of the account. */
export interface MemoryCost {
  readonly name: string;
  /** How many there can be at most. */
  readonly count: number;
  readonly eachBytes: number;
}

// The slab is exact; what objects weigh besides their arrays was measured on Node 20 and rounded up.
const BUFFER_EXTRA_BYTES = 136; // four 32-bit cells and one view
// Where datagrams are cut up, written and sent from; and the refusals that wait to be sent.
const SCRATCH_BYTES = 2 * 65_536 + TRANSMIT_ROOM + REPLIES_BYTES;
// What datagrams are received into, by all sockets of a thread; and a socket's batch to send.
const NATIVE_SCRATCH_BYTES = RECEIVE_MAX * SLOT_BYTES + 170_000;
const CALL_OBJECT_BYTES = 5_120; // with its handle, its stream and the arrays' own objects
const CONNECTION_BYTES = 512;
const PEER_BYTES = 640;
const TOMBSTONE_BYTES = 80;

// Cells of one packet's place in the receiving and in the sending half of a call.
const RECEIVE_PLACE_BYTES = 8;
const TRANSMIT_PLACE_BYTES = 21;
// The same again for a call that sends from shared chunks.
const LENT_PLACE_BYTES = 20;
// Places beyond the receive window that a jumbogram may take.
const RECEIVE_SLACK = 4;

/**
 * The account of one socket with these settings. All but the buffers is allocated when it is first needed.
 *
 * @param isNative datagrams go by the native addon
 */
export function memoryCosts(
  config: EndpointConfig,
  limits: MemoryLimits,
  isNative: boolean,
): readonly MemoryCost[] {
  const receive = RECEIVE_PLACE_BYTES * powerOfTwo(config.receiveWindowPackets + RECEIVE_SLACK);
  const transmit = (TRANSMIT_PLACE_BYTES + LENT_PLACE_BYTES) * powerOfTwo(config.transmitQueuePackets + 1);
  return [
    { name: "packet buffers", count: config.buffersMax, eachBytes: config.bufferBytes + BUFFER_EXTRA_BYTES },
    { name: "fixed scratch", count: 1, eachBytes: SCRATCH_BYTES + (isNative ? NATIVE_SCRATCH_BYTES : 0) },
    { name: "calls", count: config.callsMax, eachBytes: CALL_OBJECT_BYTES + receive + transmit },
    { name: "connections", count: config.connectionsMax, eachBytes: CONNECTION_BYTES },
    { name: "peers", count: config.peersMax, eachBytes: PEER_BYTES },
    { name: "tombstones", count: config.tombstonesMax, eachBytes: TOMBSTONE_BYTES },
    { name: "arenas, growable buffers", count: 1, eachBytes: limits.workBytesMax },
  ];
}

/** The ceiling. */
export function totalCost(costs: readonly MemoryCost[]): number {
  return costs.reduce((sum, { count, eachBytes }) => sum + count * eachBytes, 0);
}

function powerOfTwo(atLeast: number): number {
  let places = 2;
  while (places < atLeast) places *= 2;
  return places;
}
