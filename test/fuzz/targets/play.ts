// Plays the steps of a scenario in a world.

import type { CallHandle, CallListener } from "../../../src/core/call-handle.js";
import { type Call, CallEvent } from "../../../src/core/call-object.js";
import { SharedChunk } from "../../../src/memory/shared-chunk.js";
import { getInt32 } from "../../../src/util/bytes.js";
import { RxError } from "../../../src/util/errors.js";
import { AckReason } from "../../../src/wire/ack.js";
import { HeaderOffset } from "../../../src/wire/header.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";
import { openTestBundle, serverTalker } from "../../unit/core/calls.js";
import type { Talker } from "../../unit/core/packets.js";
import { clientTalker } from "../../unit/core/packets.js";
import type { Step } from "./steps.js";
import { ADDRESSES, World } from "./world.js";

/** Times at which something happens: ACK delay, timeouts, dead time, idle lives. */
const TIMES_US = [
  100, 5_000, 20_000, 100_000, 120_000, 250_000, 450_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
  21_000_000, 31_000_000, 61_000_000, 125_000_000, 610_000_000,
];
const NEAR = 0x1_0000;
const WRITE_MAX = 20_000;
const PAYLOAD_MAX = 17_500;
const HANDLES_MAX = 24;

/** Lets go of its call when it ends, as most users do; another kind keeps it to read on. */
class User implements CallListener {
  readonly #keeps: boolean;
  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }
  handleCallEvents(handle: CallHandle, events: number): void {
    if ((events & CallEvent.Ended) !== 0 && !this.#keeps) handle.release();
  }
}

/** @throws whatever is not an error that a user may meet */
export function playStep(world: World, step: Step): void {
  try {
    if (isPacket(step)) feedPacket(world, step);
    else userStep(world, step);
  } catch (cause) {
    // A user who does what is not allowed now is told so by an RxError; nothing else may come out.
    if (!(cause instanceof RxError)) throw cause;
    world.story.push(cause.code);
  }
  if ((step.b & 0x80) === 0) {
    world.drain();
    world.poll();
  }
}

function isPacket({ op }: Step): boolean {
  switch (op) {
    case "data":
    case "jumbo":
    case "ack":
    case "trailer":
    case "ping":
    case "pong":
    case "abort":
    case "other":
    case "reflect":
    case "replay":
    case "junk":
      return true;
    default:
      return false;
  }
}

interface Speaker {
  readonly talker: Talker;
  readonly call: Call | null;
}

/** Who sends the packet of a step: the client of a service call, or the server of one of our own. */
function speakerOf(world: World, step: Step): Speaker {
  const serial = world.serial();
  if ((step.a & 0x40) !== 0) {
    const live = world.clientCalls.filter(({ call }) => (call?.connection ?? null) !== null);
    const call = live[(step.a >> 2) % Math.max(1, live.length)]?.call ?? null;
    if (call !== null) return { talker: numbered(serverTalker(call), step, serial, call), call };
  }
  const channel = (step.a >> 2) & 3;
  const connection = (step.a >> 4) & 3;
  if ((step.a & 3) === 1) world.nextCall(connection, channel);
  const securityIndex = (step.a & 0x80) !== 0 ? 2 : 0;
  const talker = world.client(connection, channel, securityIndex);
  const call = world.callOf(talker, true);
  return { talker: numbered(talker, step, serial, call), call };
}

function numbered(talker: Talker, step: Step, serial: number, call: Call | null): Talker {
  const now = talker.shared.callNumber as number;
  const securityIndex = call?.connection?.securityIndex ?? talker.shared.securityIndex ?? 0;
  const callNumber = [now, now, now - 1, 0][step.a & 3] as number;
  return talker.with({ serial, callNumber, securityIndex });
}

/** Small numbers count from `base`, others stand for themselves. */
function near(base: number, number: number): number {
  return number > -NEAR && number < NEAR ? (base + number) | 0 : number;
}

function sizeOf(number: number, limit: number): number {
  return (number >>> 0) % (limit + 1);
}

function feedPacket(world: World, step: Step): void {
  const { talker, call } = speakerOf(world, step);
  const bytes = makePacket(world, step, talker, call);
  if (bytes === undefined) return;
  const own = call?.connection?.peer?.address;
  const byChoice = ADDRESSES[(step.b & 7) - 3];
  const known = ADDRESSES.find((address) => own?.equals(address) === true);
  world.noteState(call, bytes[HeaderOffset.Type] ?? 0);
  world.feed(bytes, byChoice ?? known ?? (ADDRESSES[0] as (typeof ADDRESSES)[number]));
}

function makePacket(world: World, step: Step, talker: Talker, call: Call | null): Uint8Array | undefined {
  const { c, x, y, z, w } = step;
  const rxNext = call?.rx.next ?? 1;
  const txFirst = call?.tx.first ?? 1;
  switch (step.op) {
    case "data":
      return damaged(talker.data(near(rxNext, x), sizeOf(y, PAYLOAD_MAX), c, { cksum: z & 0xffff }), w);
    case "jumbo":
      return damaged(talker.jumbo(near(rxNext, x), 1 + sizeOf(y, 7), sizeOf(z, 1_412), c), w);
    case "ack":
      return talker.ack(
        {
          firstPacket: near(txFirst, x),
          previousPacket: near(txFirst - 1, y),
          serial: echo(world, talker, w),
          reason: c & 15,
          soft: softAcks(z),
        },
        { flags: (c & 0x10) !== 0 ? PacketFlag.RequestAck : 0 },
      );
    case "trailer": {
      const whole = talker.ack({
        firstPacket: txFirst,
        previousPacket: call?.tx.previousPacket ?? 0,
        reason: AckReason.Delay,
        maxMtu: x,
        rwind: y,
        jumboMax: z,
        ifMtu: w,
      });
      return whole.subarray(0, whole.length - (c % 18));
    }
    case "ping":
      return talker.ping(x === 0 ? undefined : x).slice();
    case "pong":
      return talker.ack({
        firstPacket: txFirst,
        reason: AckReason.PingResponse,
        serial: echo(world, talker, 1 + x),
      });
    case "abort":
      return talker.abort(x, (c & 1) === 0 ? {} : { callNumber: 0 });
    case "other":
      return talker.of(c & 15, repeated(x, y, sizeOf(z, 64)), w === 0 ? {} : { callNumber: 0 });
    case "reflect": {
      const sent = world.sent[sizeOf(x, 15)];
      return sent === undefined ? undefined : damaged(turned(sent.bytes, c), y);
    }
    case "replay": {
      const fed = world.fed[world.fed.length - 1 - sizeOf(x, 31)];
      return fed === undefined ? undefined : damaged(cut(fed.bytes, c), y);
    }
    default:
      return repeated(x, z, sizeOf(y, 120));
  }
}

/** 0 echoes nothing, 1 the newest PING or DATA of the call; others what lies beside it. */
function echo(world: World, talker: Talker, number: number): number {
  if (number === 0) return 0;
  const cid = talker.shared.cid as number;
  const sent = world.newestSent(cid, PacketType.Ack) ?? world.newestSent(cid, PacketType.Data);
  return sent === undefined ? number : near(getInt32(sent, HeaderOffset.Serial), number - 1);
}

/** The low byte says how many entries, the others are their pattern over and over. */
function softAcks(word: number): number[] {
  return Array.from({ length: word & 0xff }, (_, i) => (word >>> (8 + (i % 24))) & 1);
}

/** The packet with one byte changed, as `how` says: 0 leaves it. */
function damaged(packet: Uint8Array, how: number): Uint8Array {
  if (how === 0) return packet;
  const bytes = packet.slice();
  const at = (how >>> 8) % Math.max(1, bytes.length);
  if (bytes.length > 0) bytes[at] = how;
  return bytes;
}

function turned(packet: Uint8Array, how: number): Uint8Array {
  const bytes = packet.slice();
  if ((how & 1) !== 0)
    bytes[HeaderOffset.Flags] = (bytes[HeaderOffset.Flags] as number) ^ PacketFlag.ClientInitiated;
  return bytes;
}

function cut(packet: Uint8Array, how: number): Uint8Array {
  return how === 0 ? packet : packet.subarray(0, Math.max(0, packet.length - how));
}

function repeated(x: number, y: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++)
    bytes[i] = (i & 4) === 0 ? x >>> (24 - 8 * (i & 3)) : y >>> (24 - 8 * (i & 3));
  return bytes;
}

/** The call that a user's step is about: any that there has been, also one that is over. */
function handleOf(world: World, step: Step): CallHandle | undefined {
  const list = (step.a & 0x40) === 0 ? world.handles : world.clientCalls;
  return list[((step.b >> 3) & 15) % Math.max(1, list.length)];
}

function userStep(world: World, step: Step): void {
  const { endpoint } = world.rig;
  const { c, x, y } = step;
  switch (step.op) {
    case "pass":
      world.pass((TIMES_US[sizeOf(x, TIMES_US.length - 1)] as number) + (y & 0xffff));
      return;
    case "poll":
      world.poll(sizeOf(x, 7));
      return;
    case "drain":
      world.drain();
      return;
    case "listen":
      world.service.listen(sizeOf(x, 5));
      return;
    case "charge":
      if ((c & 1) === 0) world.service.chargeAccept(BigInt(x), null);
      else world.service.discharge(BigInt(x));
      return;
    case "begin": {
      if (world.clientCalls.length >= HANDLES_MAX) return;
      const bundle = world.bundles[x & 1];
      if (bundle !== undefined) world.clientCalls.push(endpoint.beginCall(bundle, new User((c & 1) !== 0)));
      return;
    }
    case "bundle": {
      const old = world.bundles[x & 1];
      if (old !== undefined) endpoint.closeBundle(old);
      world.bundles[x & 1] = openTestBundle(world.rig, 1 + (y & 3), (c & 1) !== 0);
      return;
    }
    case "endpoint":
      if (c === 1) endpoint.drain();
      else if (c === 2) endpoint.abortAllCalls(x === 0 ? 1 : x);
      else if (c === 3) endpoint.handleNetworkError(ADDRESSES[sizeOf(x, 4)] as (typeof ADDRESSES)[number]);
      else if (c === 4) world.jumpCall(sizeOf(y, 3), sizeOf(y >> 2, 3), x);
      return;
    case "verdict": {
      const talker = clientTalker({ cid: 0x1000 + 16 * ((step.a >> 4) & 3) });
      const call = world.callOf(talker, true);
      call?.connection?.resolve(x);
      return;
    }
    default: {
      const handle = handleOf(world, step);
      if (handle !== undefined) callStep(world, step, handle);
    }
  }
}

function callStep(world: World, step: Step, handle: CallHandle): void {
  const { c, x, y } = step;
  switch (step.op) {
    case "write": {
      const length = sizeOf(y, WRITE_MAX);
      world.story.push(`wrote ${handle.write(pattern(length), 0, length)}`);
      return;
    }
    case "lend": {
      const length = sizeOf(y, WRITE_MAX);
      world.chunks++;
      const chunk = new SharedChunk(pattern(length), () => void world.chunks--);
      try {
        handle.lend(chunk, 0, length);
      } finally {
        chunk.release();
      }
      return;
    }
    case "end":
      handle.end();
      return;
    case "read": {
      const length = sizeOf(y, WRITE_MAX);
      const to = new Uint8Array(length);
      const got = handle.readInto(to, 0, length);
      world.story.push(`read ${Buffer.from(to.subarray(0, got)).toString("latin1")}`);
      return;
    }
    case "skip":
      world.story.push(`skipped ${handle.skip(sizeOf(y, WRITE_MAX))} ${handle.borrow()?.length ?? -1}`);
      return;
    case "discard":
      handle.discardInput();
      return;
    case "stop":
      handle.abort(x === 0 ? 7 : x);
      return;
    case "release":
      handle.release();
      return;
    case "limit":
      if ((c & 1) === 0) handle.limitInput(x >>> 0);
      else handle.limitTime(1 + (x >>> 0));
      return;
    case "accept":
      if ((c & 1) === 0) {
        world.service.accept(handle, BigInt(x));
        handle.listener = (c & 4) !== 0 ? null : new User((c & 2) !== 0);
      } else {
        world.service.reject(handle, x === 0 ? -6 : x);
      }
      return;
    default:
  }
}

const PATTERN = Uint8Array.from({ length: WRITE_MAX }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

function pattern(length: number): Uint8Array {
  return PATTERN.slice(0, length);
}
