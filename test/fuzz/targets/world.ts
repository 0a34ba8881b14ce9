// One endpoint that a scenario is played against, its memory filled with a pattern wherever nothing of value lies; what it
// sends is checked and written down.
import type { CallHandle } from "../../../src/core/call-handle.js";
import type { Call } from "../../../src/core/call-object.js";
import type { Bundle } from "../../../src/core/conn-client.js";
import { TRANSMIT_ROOM, Transmit } from "../../../src/core/output.js";
import type { Service } from "../../../src/core/service.js";
import type { Address } from "../../../src/util/address.js";
import { describePacket } from "../../../src/wire/describe.js";
import { HEADER_SIZE, HeaderOffset } from "../../../src/wire/header.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { checkLedger, StepChecker } from "../../sim/checkers.js";
import { openTestBundle } from "../../unit/core/calls.js";
import { clientTalker, type Talker } from "../../unit/core/packets.js";
import { addressOf, FRIEND, Rig, type RigOptions, STRANGER } from "../../unit/core/rig.js";
import { holds, mark } from "../target.js";

const CHANNELS = 4;
const CONNECTIONS = 4;
const SENT_KEPT = 16;
const PACKETS_MAX = 5_000;
const TIMER_TURNS_MAX = 200_000;
const BUDGET_FACTOR = 3;
/** Read beyond the end of a datagram, it would show. */
const BEHIND = 64;
/** Longer than every timeout and every idle life. */
const LONG_US = 15 * 60 * 1_000_000;

/** Where packets come from: the first two are trusted. */
export const ADDRESSES: readonly Address[] = [
  FRIEND,
  addressOf("127.0.0.1", 7002),
  STRANGER,
  addressOf("192.0.2.8", 7001),
  addressOf("fe80::1", 7001),
];

/** A packet that the endpoint has sent. */
export interface SentPacket {
  readonly bytes: Uint8Array;
  readonly to: Address;
}

export class World {
  readonly rig: Rig;
  readonly service: Service;
  readonly bundles: Bundle[];
  /** Calls of users: the service's, as they were told of them, and their own. */
  readonly handles: CallHandle[] = [];
  readonly clientCalls: CallHandle[] = [];
  readonly sent: SentPacket[] = [];
  readonly fed: { readonly bytes: Uint8Array; readonly from: Address }[] = [];
  /** What the endpoint did, for comparison with another run. */
  readonly story: string[] = [];
  /** Chunks lent and not given back. */
  chunks = 0;
  readonly #fill: number;
  readonly #checker = new StepChecker();
  readonly #out = new Transmit(new Uint8Array(TRANSMIT_ROOM));
  readonly #callNumbers = new Int32Array(CONNECTIONS * CHANNELS).fill(1);
  readonly #bytesIn = new Map<string, number>();
  readonly #bytesOut = new Map<string, number>();
  readonly #proven = new Set<string>();
  readonly #statsBefore: Record<string, number>;
  #serial = 1;

  constructor(options: RigOptions, fill: number, backlog: number) {
    this.#fill = fill;
    this.rig = new Rig(options);
    this.service = this.rig.offer({ requestMaxBytes: 1 << 20 }, backlog);
    this.bundles = [openTestBundle(this.rig), openTestBundle(this.rig, 2)];
    this.#statsBefore = this.#stats();
    this.#poison();
  }

  /** Fills free buffers now, and every buffer as it is given back: what goes out must not depend on it. */
  #poison(): void {
    const pool = this.rig.endpoint.local.buffers;
    pool.bytes.fill(this.#fill);
    const give = pool.give.bind(pool);
    pool.give = (buffer) => {
      for (let at = buffer; at >= 0; at = pool.next[at] as number) {
        holds(pool.next[at] !== at, "a buffer is given back twice");
        pool.bytes.fill(this.#fill, pool.offsetOf(at), pool.offsetOf(at) + pool.bufferBytes);
      }
      give(buffer);
    };
    const { replies } = this.rig.endpoint.local;
    const add = replies.add.bind(replies);
    replies.add = () => {
      const reply = add();
      reply?.bytes.fill(this.#fill);
      return reply;
    };
  }

  /** The client of connection `n`, on a channel, with the call number that the channel has now. */
  client(n: number, channel: number, securityIndex: number): Talker {
    return clientTalker({
      cid: 0x1000 + 16 * n + channel,
      callNumber: this.#callNumbers[n * CHANNELS + channel] as number,
      securityIndex,
    });
  }

  /** The channel's next packets belong to another call. */
  nextCall(n: number, channel: number): void {
    const at = n * CHANNELS + channel;
    this.#callNumbers[at] = (this.#callNumbers[at] as number) + 1;
  }

  /** Lets the channel's call number be anything. */
  jumpCall(n: number, channel: number, callNumber: number): void {
    this.#callNumbers[n * CHANNELS + channel] = callNumber;
  }

  serial(): number {
    return this.#serial++;
  }

  /** The call that packets of this talker reach, if there is one. */
  callOf(talker: Talker, isForService: boolean): Call | null {
    const { local } = this.rig.endpoint;
    const cid = talker.shared.cid as number;
    const connection = local.connections.find(talker.shared.epoch as number, cid & ~3, isForService);
    return local.callAt(connection?.callSlot(cid & 3) ?? -1);
  }

  /** Hands a datagram in. Its memory is the caller's again at once, and is filled. */
  feed(packet: Uint8Array, from: Address): void {
    this.fed.push({ bytes: packet, from });
    const bytes = new Uint8Array(packet.length + BEHIND).fill(this.#fill);
    bytes.set(packet);
    const key = from.toString();
    this.#bytesIn.set(key, (this.#bytesIn.get(key) ?? 0) + packet.length);
    // As transports do it: an array of its own, or the front of a longer one.
    const isWhole = (this.fed.length & 1) === 0;
    const given = isWhole ? packet.slice() : bytes;
    this.rig.endpoint.handleDatagram(this.rig.nowUs, from, given, packet.length);
    given.fill(this.#fill);
    this.#noteProven(from);
  }

  // An address that has proved itself once may be sent anything from then on, also when its peer has been forgotten.
  #noteProven(address: Address): void {
    const { peers } = this.rig.endpoint.local;
    if (peers.isTrusted(address) || peers.find(address)?.isProven === true)
      this.#proven.add(address.toString());
  }

  drain(): void {
    this.rig.drain();
    for (const handle of this.rig.newCalls.splice(0)) this.handles.push(handle);
  }

  /** Takes at most `limit` packets from the endpoint. */
  poll(limit = PACKETS_MAX): void {
    const out = this.#out;
    for (let n = 0; n < limit; n++) {
      out.bytes.fill(this.#fill, 0, 9_000);
      if (!this.rig.endpoint.pollTransmit(out)) return;
      this.#checkSent(out.bytes.slice(out.offset, out.offset + out.length), out.remote);
      holds(n < PACKETS_MAX - 1, "the endpoint sends without end");
    }
  }

  #checkSent(bytes: Uint8Array, remote: Address): void {
    const text = describePacket(bytes, 0, bytes.length);
    holds(!text.includes("["), `sent a packet that is wrong: ${text}`);
    const to = ADDRESSES.find((address) => address.equals(remote));
    if (to === undefined) throw new Error(`sent to ${remote.toString()}, where nobody is`);
    const key = remote.toString();
    this.#noteProven(remote);
    const total = (this.#bytesOut.get(key) ?? 0) + bytes.length;
    this.#bytesOut.set(key, total);
    const budget = BUDGET_FACTOR * (this.#bytesIn.get(key) ?? 0);
    holds(
      this.#proven.has(key) || total <= budget,
      `${total} bytes to ${key}, which may have ${budget}: ${text}`,
    );
    this.story.push(`${this.rig.nowUs} ${key} ${Buffer.from(bytes).toString("latin1")}`);
    this.sent.unshift({ bytes, to });
    this.sent.length = Math.min(this.sent.length, SENT_KEPT);
    mark(0x1000 + (bytes[HeaderOffset.Type] as number) * 16 + (bytes[HEADER_SIZE + 16] ?? 0));
  }

  /** The newest packet of a type that was sent under this connection and channel. */
  newestSent(cid: number, type: PacketType): Uint8Array | undefined {
    return this.sent.find(({ bytes }) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      return view.getInt32(HeaderOffset.Cid) === cid && view.getUint8(HeaderOffset.Type) === (type as number);
    })?.bytes;
  }

  /** Lets so much time pass, timers at their time. */
  pass(durationUs: number): void {
    const { rig } = this;
    const { endpoint } = rig;
    const endUs = rig.nowUs + durationUs;
    for (let turns = 0; endpoint.nextTimeoutUs() <= endUs; turns++) {
      holds(turns < TIMER_TURNS_MAX, "timers do not come to rest");
      rig.nowUs = Math.max(rig.nowUs, endpoint.nextTimeoutUs());
      endpoint.handleTimeout(rig.nowUs);
      this.drain();
      this.poll();
    }
    rig.nowUs = endUs;
    endpoint.advance(endUs);
  }

  check(): void {
    this.#checker.check(this.rig);
    holds(this.rig.faults.length === 0, "a listener has thrown");
  }

  /** Says to the search what has been reached: counters that grew, states that calls are in. */
  note(): void {
    const stats = this.#stats();
    Object.keys(stats).forEach((name, i) => {
      const grown = (stats[name] as number) - (this.#statsBefore[name] ?? 0);
      if (grown > 0) mark(i * 8 + Math.min(7, Math.floor(Math.log2(grown))));
    });
  }

  /** A state of a call together with what it was sent. */
  noteState(call: Call | null, type: number): void {
    mark(0x8000 + (call?.state ?? 0) * 256 + type);
  }

  #stats(): Record<string, number> {
    return { ...(this.rig.endpoint.local.stats.snapshot() as Record<string, number>) };
  }

  /** Ends everything. Nothing may be left. */
  finish(): void {
    for (const handle of [...this.handles, ...this.clientCalls]) handle.listener = null;
    for (const handle of [...this.handles, ...this.clientCalls]) {
      if (handle.call?.isLive === true) handle.abort(1);
      handle.release();
    }
    this.drain();
    for (const handle of this.handles) handle.release();
    this.rig.endpoint.abortAllCalls(1);
    this.drain();
    this.poll();
    this.check();
    this.pass(LONG_US);
    checkLedger(this.rig);
    holds(this.chunks === 0, `${this.chunks} chunks were not given back`);
  }
}
