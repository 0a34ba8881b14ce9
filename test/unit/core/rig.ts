// One endpoint alone, in hand-made time, fed hand-made packets: what it sends is read back field by field.
import type { CallHandle, CallListener } from "../../../src/core/call-handle.js";
import type { EndpointOptions } from "../../../src/core/config.js";
import { Endpoint } from "../../../src/core/endpoint.js";
import { TRANSMIT_ROOM, Transmit } from "../../../src/core/output.js";
import type { SecurityClass } from "../../../src/core/security-class.js";
import { type Service, type ServiceSettings, ServiceStyle } from "../../../src/core/service.js";
import { Stat } from "../../../src/core/stats.js";
import { EventCache } from "../../../src/loop/event-cache.js";
import { nullSecurity } from "../../../src/security/null.js";
import { Prng } from "../../../src/transport/prng.js";
import { Address } from "../../../src/util/address.js";
import { readAbortCode } from "../../../src/wire/abort.js";
import { AckBody, ackReasonName, readAck } from "../../../src/wire/ack.js";
import { HEADER_SIZE, PacketHeader, readHeader } from "../../../src/wire/header.js";
import { PacketFlag, PacketType, packetTypeName } from "../../../src/wire/packet-type.js";
import { buffersHeld } from "../../sim/checkers.js";

/** Trusted: the default trusts loopback. */
export const FRIEND = addressOf("127.0.0.1", 7001);
/** Not trusted: a documentation address. */
export const STRANGER = addressOf("192.0.2.7", 7001);
export const SERVICE_ID = 147;

export function addressOf(host: string, port: number): Address {
  const address = Address.from(host, port);
  if (address === undefined) throw new Error(`${host} is no address`);
  return address;
}

/** One packet that the endpoint has sent. */
export interface Sent {
  readonly header: PacketHeader;
  readonly remote: string;
  readonly bytes: Uint8Array;
  /** Of an ACK, else null. */
  readonly ack: AckBody | null;
  readonly acks: readonly number[];
  /** Of an ABORT, else 0. */
  readonly abortCode: number;
}

/** A short name of a packet sent: `ACK Idle`, `ABORT -5`, `DATA 3`. */
export function nameOf(sent: Sent): string {
  const type = packetTypeName(sent.header.type);
  if (sent.ack !== null) return `${type} ${ackReasonName(sent.ack.reason)}`;
  if (sent.header.type === PacketType.Abort) return `${type} ${sent.abortCode}`;
  return sent.header.type === PacketType.Data ? `${type} ${sent.header.seq}` : type;
}

export interface RigOptions {
  readonly options?: EndpointOptions;
  readonly security?: readonly SecurityClass[];
  readonly seed?: number;
}

/** What a listener was told, with the handle. */
export class Listener implements CallListener {
  events = 0;
  ends = 0;
  handleCallEvents(handle: CallHandle, events: number): void {
    this.events |= events;
    if ((events & 8) === 0) return;
    this.ends++;
    handle.release();
  }
}

export class Rig {
  readonly endpoint: Endpoint;
  readonly events: EventCache;
  readonly faults: unknown[] = [];
  /** New calls in the order in which their service was told. */
  readonly newCalls: CallHandle[] = [];
  readonly discarded: bigint[] = [];
  nowUs = 2 ** 33;
  /** Times that the host was asked for a flush and for a timer. */
  transmitWanted = 0;
  timerWanted = 0;
  readonly #out = new Transmit(new Uint8Array(TRANSMIT_ROOM).fill(0xa5));

  constructor(parts: RigOptions = {}) {
    this.events = new EventCache({
      nowUs: () => this.nowUs,
      arm: () => undefined,
      onFault: (cause) => void this.faults.push(cause),
    });
    this.endpoint = new Endpoint({
      random: new Prng(parts.seed ?? 1),
      events: this.events,
      host: { wantTransmit: () => void this.transmitWanted++, wantTimer: () => void this.timerWanted++ },
      security: parts.security ?? [nullSecurity],
      ...(parts.options === undefined ? {} : { options: parts.options }),
    });
    this.endpoint.advance(this.nowUs);
    this.endpoint.local.ownAddress = addressOf("127.0.0.1", 7009);
  }

  /** A service whose calls end up in `newCalls`; user-style ones wait there. */
  offer(settings: Partial<ServiceSettings> = {}, backlog = 4): Service {
    const service = this.endpoint.addService(
      {
        serviceId: SERVICE_ID,
        style: ServiceStyle.User,
        policy: { kind: "busy" },
        callsPerPeerMax: 1_024,
        requestMaxBytes: 1 << 30,
        upgradeTo: 0,
        ...settings,
      },
      {
        onNewCall: (handle) => void this.newCalls.push(handle),
        onDiscardCall: (handle) => void this.discarded.push(handle.userId as bigint),
      },
    );
    if (backlog > 0) service.listen(backlog);
    return service;
  }

  /** Hands a datagram in. */
  feed(bytes: Uint8Array, from: Address = FRIEND): void {
    this.endpoint.handleDatagram(this.nowUs, from, bytes, bytes.length);
  }

  /** Runs what waits in the event cache. */
  drain(): void {
    while (this.events.count > 0) this.events.drain();
    if (this.faults.length > 0) throw this.faults[0];
  }

  /** Everything that the endpoint has to send now. */
  poll(): Sent[] {
    const sent: Sent[] = [];
    const out = this.#out;
    while (this.endpoint.pollTransmit(out)) {
      sent.push(parse(out));
      if (sent.length > 10_000) throw new Error("the endpoint sends without end");
    }
    return sent;
  }

  /** Names of everything that the endpoint has to send now. */
  names(): string[] {
    return this.poll().map(nameOf);
  }

  /** Feeds, drains and polls. */
  exchange(bytes: Uint8Array, from: Address = FRIEND): string[] {
    this.feed(bytes, from);
    this.drain();
    return this.names();
  }

  /** Lets so much time pass, with timers at their time. @returns what was sent */
  pass(durationUs: number): Sent[] {
    const sent: Sent[] = [];
    const endUs = this.nowUs + durationUs;
    for (let turns = 0; this.endpoint.nextTimeoutUs() <= endUs; turns++) {
      if (turns > 1_000_000) throw new Error("timers do not come to rest");
      this.nowUs = Math.max(this.nowUs, this.endpoint.nextTimeoutUs());
      this.endpoint.handleTimeout(this.nowUs);
      this.drain();
      sent.push(...this.poll());
    }
    this.nowUs = endUs;
    this.endpoint.advance(endUs);
    return sent;
  }

  stat(stat: Stat): number {
    return this.endpoint.local.stats.value(stat);
  }

  get buffersUsed(): number {
    const used = this.endpoint.local.buffers.used;
    if (used !== buffersHeld(this.endpoint))
      throw new Error(`${used} buffers used, ${buffersHeld(this.endpoint)} held`);
    return used;
  }

  /** Names of the drop counters that have grown since `before`. */
  dropsSince(before: Record<string, number>): string[] {
    const now = this.endpoint.local.stats.snapshot() as Record<string, number>;
    return Object.keys(now).filter((name) => name.startsWith("Drop") && now[name] !== before[name]);
  }
}

function parse(out: Transmit): Sent {
  const bytes = out.bytes.slice(out.offset, out.offset + out.length);
  const header = new PacketHeader();
  readHeader(bytes, 0, header);
  let ack: AckBody | null = null;
  let acks: number[] = [];
  if (header.type === PacketType.Ack) {
    ack = new AckBody();
    if (!readAck(bytes, HEADER_SIZE, bytes.length, ack)) throw new Error("sent an ACK that is too short");
    acks = [...bytes.subarray(ack.acksOffset, ack.acksOffset + ack.nAcks)];
  }
  const abortCode = header.type === PacketType.Abort ? readAbortCode(bytes, HEADER_SIZE, bytes.length) : 0;
  return { header, remote: out.remote.toString(), bytes, ack, acks, abortCode };
}

/** Flags of DATA packets. */
export const LAST = PacketFlag.LastPacket;
export const WANTS_ACK = PacketFlag.RequestAck;
