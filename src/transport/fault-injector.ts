// A transport around another that loses, copies, reorders, delays and damages what passes, by a seed.
import { Address } from "../util/address.js";
import type { Scheduler } from "./clock.js";
import { type FaultSettings, LinkFaults } from "./link-faults.js";
import { Prng } from "./prng.js";
import type { DatagramSink, DatagramTransport, TransportCounters } from "./transport.js";

export interface FaultInjectorOptions {
  readonly seed: number;
  /** What delays are timed by. */
  readonly scheduler: Scheduler;
  /** Faults of what is received. Default: none. */
  readonly inbound?: Partial<FaultSettings>;
  /** Faults of what is sent. Default: none. */
  readonly outbound?: Partial<FaultSettings>;
}

// What is held back is memory; a delay above it is a lost datagram.
const HELD_MAX = 4096;

/** Faults on a working transport. Counters are those of the transport within: what was lost here it has never seen. */
export class FaultInjector implements DatagramTransport, DatagramSink {
  readonly inbound: LinkFaults;
  readonly outbound: LinkFaults;

  readonly #inner: DatagramTransport;
  readonly #scheduler: Scheduler;
  readonly #held = new Set<() => void>();
  #sink: DatagramSink | undefined;

  /** @throws RxOptionError for faults outside their ranges */
  constructor(inner: DatagramTransport, options: FaultInjectorOptions) {
    const prng = new Prng(options.seed);
    this.#inner = inner;
    this.#scheduler = options.scheduler;
    this.inbound = new LinkFaults(prng.fork(), options.inbound);
    this.outbound = new LinkFaults(prng.fork(), options.outbound);
  }

  get local(): Address {
    return this.#inner.local;
  }

  get counters(): TransportCounters {
    return this.#inner.counters;
  }

  open(sink: DatagramSink): Promise<void> {
    this.#sink = sink;
    return this.#inner.open(this);
  }

  /** True also for what is lost or held here, as it would be for a real network. */
  send(bytes: Uint8Array, offset: number, length: number, remote: Address, host: string): boolean {
    if (this.#sink === undefined) return false;
    const to = new Address();
    to.copyFrom(remote);
    this.#pass(this.outbound, bytes.subarray(offset, offset + length), (datagram) => {
      this.#inner.send(datagram, 0, datagram.length, to, host);
    });
    return true;
  }

  close(): Promise<void> {
    this.#sink = undefined;
    for (const cancel of this.#held) cancel();
    this.#held.clear();
    return this.#inner.close();
  }

  handleDatagram(bytes: Uint8Array, length: number, remote: Address): void {
    const from = new Address();
    from.copyFrom(remote);
    this.#pass(this.inbound, bytes.subarray(0, length), (datagram) => {
      this.#sink?.handleDatagram(datagram, datagram.length, from);
    });
  }

  handleError(cause: Error): void {
    this.#sink?.handleError(cause);
  }

  handleUnreachable(remote: Address, quote: Uint8Array, length: number): void {
    this.#sink?.handleUnreachable?.(remote, quote, length);
  }

  #pass(faults: LinkFaults, bytes: Uint8Array, go: (datagram: Uint8Array) => void): void {
    if (faults.isLost(bytes.length)) return;
    const nowUs = this.#scheduler.nowUs();
    const datagram = new Uint8Array(bytes);
    faults.damage(datagram, datagram.length);
    const copyUs = faults.isCopied() ? faults.arrivalUs(nowUs) : Number.POSITIVE_INFINITY;
    const replayUs = faults.replayAtUs(nowUs);
    this.#at(faults.arrivalUs(nowUs), nowUs, datagram, go);
    this.#at(copyUs, nowUs, datagram, go);
    this.#at(replayUs, nowUs, datagram, go);
  }

  #at(atUs: number, nowUs: number, datagram: Uint8Array, go: (datagram: Uint8Array) => void): void {
    if (atUs === Number.POSITIVE_INFINITY) return;
    if (atUs <= nowUs) {
      go(datagram);
      return;
    }
    if (this.#held.size >= HELD_MAX) return;
    const cancel = this.#scheduler.after(atUs - nowUs, () => {
      this.#held.delete(cancel);
      go(datagram);
    });
    this.#held.add(cancel);
  }
}
