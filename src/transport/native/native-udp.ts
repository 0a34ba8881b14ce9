// UDP by the native addon: the same transport as UdpTransport, with one system call for many datagrams each way. A turn's
// datagrams are collected until flush(), or until the current callback has ended.
import { constants, networkInterfaces } from "node:os";
import { getSystemErrorName } from "node:util";
import { Address } from "../../util/address.js";
import {
  type DatagramSink,
  type DatagramTransport,
  newTransportCounters,
  type SendRoom,
} from "../transport.js";
import { resolveEnds, type UdpEnds } from "../udp-ends.js";
import {
  closedError,
  DATAGRAM_MAX_BYTES,
  openError,
  toRxError,
  type UdpOptions,
  UdpSettings,
} from "../udp-options.js";
import { readAddress, writeAddress } from "./address-words.js";
import { Entry, ErrorEntry, type NativeBinding, Open, PollEvent, SendHead } from "./binding.js";
import { ReceiveMemory } from "./receive-memory.js";
import { SendBatch, SendQueue } from "./send-batch.js";

const NativeState = { Idle: 0, Opening: 1, Open: 2, Closed: 3 } as const;
type NativeState = (typeof NativeState)[keyof typeof NativeState];

const CLOSED_ID = -1;
// What the system does by itself, as for every other socket of the process.
const MTU_DISCOVER_DEFAULT = -1;

// Origins of the error queue and ICMP types (linux/errqueue.h, RFC 792, RFC 4443): only "destination unreachable" says
// something about the peer. A datagram that was too big, or was on its way for too long, does not.
const ORIGIN_ICMP = 2;
const ORIGIN_ICMP6 = 3;
const ICMP_UNREACHABLE = 3;
const ICMP6_UNREACHABLE = 1;

// One for all sockets of the thread, made with the first.
let memory: ReceiveMemory | undefined;

/** A UDP socket of the addon as a DatagramTransport, bound or connected, IPv4 or IPv6. */
export class NativeUdp implements DatagramTransport {
  readonly local = new Address();
  readonly counters = newTransportCounters();
  /** The socket buffers as the system reports them (Linux shows twice what it granted); 0 while unknown. */
  readonly granted = { recvBufferBytes: 0, sendBufferBytes: 0 };

  readonly #binding: NativeBinding;
  readonly #options: UdpOptions;
  readonly #settings: UdpSettings;
  readonly #memory: ReceiveMemory;
  readonly #batch = new SendBatch();
  readonly #queue: SendQueue;
  readonly #remote = new Address();
  readonly #onPoll = (events: number): void => this.#handlePoll(events);
  readonly #onTick = (): void => {
    this.#isFlushArmed = false;
    this.flush();
  };

  #state: NativeState = NativeState.Idle;
  #id = CLOSED_ID;
  #sink: DatagramSink | undefined;
  #peer: Address | undefined;
  #isIpv6 = false;
  #isFlushArmed = false;

  /** @throws RxOptionError */
  constructor(binding: NativeBinding, options: UdpOptions = {}) {
    this.#settings = new UdpSettings(options);
    this.#options = options;
    this.#binding = binding;
    memory ??= new ReceiveMemory();
    this.#memory = memory;
    this.#queue = new SendQueue(this.#settings.sendQueueMaxBytes);
  }

  /** The one peer of a connected socket, once open; null for others. */
  get peer(): Address | null {
    return this.#peer ?? null;
  }

  get room(): SendRoom {
    return this.#batch;
  }

  async open(sink: DatagramSink): Promise<void> {
    if (this.#isClosed()) throw closedError();
    if (this.#state !== NativeState.Idle) throw openError();
    this.#state = NativeState.Opening;
    try {
      const ends = await resolveEnds(this.#options.host, this.#options.connect);
      if (this.#isClosed()) throw closedError();
      this.#openAt(ends, sink);
    } catch (error) {
      if (!this.#isClosed()) this.#state = NativeState.Idle;
      throw toRxError(error, this.#options);
    }
  }

  send(bytes: Uint8Array, offset: number, length: number, remote: Address, _host: string): boolean {
    if (this.#id === CLOSED_ID) return false;
    const { counters } = this;
    if (remote.port === 0 || length > DATAGRAM_MAX_BYTES || !this.#canReach(remote)) {
      counters.sendErrors++;
      return false;
    }
    const batch = this.#batch;
    const queue = this.#queue;
    if (queue.count > 0 && queue.bytes + batch.offset + length > this.#settings.sendQueueMaxBytes) {
      counters.sendDrops++;
      return false;
    }
    batch.put(bytes, offset, length, remote);
    counters.datagramsOut++;
    counters.bytesOut += length;
    if (batch.isFull) this.flush();
    else if (bytes !== batch.bytes && !this.#isFlushArmed) {
      // Whoever did not ask for room need not know of flush().
      this.#isFlushArmed = true;
      process.nextTick(this.#onTick);
    }
    return true;
  }

  flush(): void {
    const batch = this.#batch;
    if (batch.count === 0 || this.#id === CLOSED_ID) return;
    // What waits already goes first.
    const settled = this.#queue.count > 0 ? 0 : this.#sendBatch();
    if (settled < batch.count) this.#keep(settled);
    batch.clear();
  }

  close(): Promise<void> {
    this.flush();
    this.#state = NativeState.Closed;
    if (this.#id !== CLOSED_ID) this.#binding.close(this.#id);
    this.#id = CLOSED_ID;
    this.#sink = undefined;
    this.#batch.clear();
    this.#queue.clear();
    return Promise.resolve();
  }

  // Through a method, since the state changes during an await where the compiler cannot see it.
  #isClosed(): boolean {
    return this.#state === NativeState.Closed;
  }

  #openAt(ends: UdpEnds, sink: DatagramSink): void {
    const settings = this.#openSettings(ends);
    const id = this.#binding.open(settings, this.#onPoll);
    if (id < 0) throw systemError("open", -id);
    readAddress(settings, Open.Local, this.local);
    this.granted.recvBufferBytes = settings[Open.RecvBytes] as number;
    this.granted.sendBufferBytes = settings[Open.SendBytes] as number;
    this.#isIpv6 = ends.type === "udp6";
    this.#peer = ends.peer;
    this.#id = id;
    this.#sink = sink;
    this.#state = NativeState.Open;
  }

  #openSettings(ends: UdpEnds): Int32Array {
    const settings = new Int32Array(Open.Count);
    const local = Address.from(ends.host, this.#settings.port) as Address;
    writeAddress(settings, Open.Local, local);
    settings[Open.LocalScope] = scopeOf(ends.host);
    if (ends.type === "udp6") settings[Open.Local] = 6;
    if (ends.peer !== undefined) {
      settings[Open.HasPeer] = 1;
      writeAddress(settings, Open.Peer, ends.peer);
      settings[Open.PeerScope] = scopeOf(ends.peerHost);
    }
    settings[Open.Ipv6Only] = this.#settings.ipv6Only ? 1 : 0;
    settings[Open.MtuDiscover] = MTU_DISCOVER_DEFAULT;
    settings[Open.RecvBytes] = this.#settings.recvBufferBytes;
    settings[Open.SendBytes] = this.#settings.sendBufferBytes;
    settings[Open.Segments] = 1;
    return settings;
  }

  #canReach(remote: Address): boolean {
    if (this.#peer !== undefined) return this.#peer.equals(remote);
    return this.#isIpv6 || remote.family === 4;
  }

  #handlePoll(events: number): void {
    if (events < 0) {
      this.#sink?.handleError(systemError("poll", -events));
      return;
    }
    if ((events & PollEvent.Error) !== 0 && this.#peer === undefined) this.#readErrors();
    // The error of a connected socket is told by the next call that receives or sends.
    if ((events & (PollEvent.Readable | PollEvent.Error)) !== 0) this.#receive();
    if ((events & PollEvent.Writable) !== 0) this.#sendWaiting();
  }

  // One batch for each turn of the loop: what is left keeps the socket readable, and others have their turn first.
  #receive(): void {
    if (this.#id === CLOSED_ID) return;
    const { bytes, entries } = this.#memory;
    const count = this.#binding.receive(this.#id, bytes, entries);
    if (count < 0) this.#handleReceiveError(-count);
    const { counters } = this;
    const remote = this.#remote;
    for (let i = 0; i < count; i++) {
      const sink = this.#sink;
      // A datagram before this one may have led to close().
      if (sink === undefined) return;
      const at = i * Entry.Count;
      const length = entries[at + Entry.Length] as number;
      if (length < 0) continue;
      readAddress(entries, at + Entry.Address, remote);
      counters.datagramsIn++;
      counters.bytesIn += length;
      sink.handleDatagram(this.#memory.view(i, length), length, remote);
    }
  }

  // Without a peer it is what the error queue has told with more detail.
  #handleReceiveError(errno: number): void {
    if (this.#peer !== undefined) this.#sink?.handleError(systemError("recvmmsg", errno));
  }

  #readErrors(): void {
    const { quotes, errors } = this.#memory;
    const count = this.#binding.readErrors(this.#id, quotes, errors);
    for (let i = 0; i < count; i++) {
      this.counters.networkErrors++;
      const at = i * ErrorEntry.Count;
      if (!isUnreachable(errors, at)) continue;
      readAddress(errors, at + ErrorEntry.Address, this.#remote);
      const length = errors[at + ErrorEntry.Length] as number;
      this.#sink?.handleUnreachable?.(this.#remote, this.#memory.quote(i), length);
    }
  }

  // Queued datagrams first, one batch for each turn of the loop.
  #sendWaiting(): void {
    const batch = this.#batch;
    const queue = this.#queue;
    this.flush();
    queue.fill(batch);
    queue.drop(this.#sendBatch());
    batch.clear();
    if (queue.count === 0 && this.#id !== CLOSED_ID) this.#binding.watch(this.#id, false);
  }

  /** @returns how many of the batch are sent or lost; the rest has to wait */
  #sendBatch(): number {
    const batch = this.#batch;
    if (batch.count === 0 || this.#id === CLOSED_ID) return batch.count;
    const { head } = batch;
    const settled = this.#binding.send(this.#id, batch.bytes, head, batch.count);
    if (settled < 0) return batch.count;
    this.counters.sendErrors += head[SendHead.Lost] as number;
    // Later, as it comes from a socket of Node's: whoever sends is in the middle of its own work.
    if (head[SendHead.Refused] !== 0) process.nextTick(this.#tellRefused);
    return settled;
  }

  readonly #tellRefused = (): void => {
    this.#sink?.handleError(systemError("sendmmsg", constants.errno.ECONNREFUSED));
  };

  // The system takes no more: the batch from `first` on waits until it does.
  #keep(first: number): void {
    const queue = this.#queue;
    const { counters } = this;
    if (queue.count === 0) this.#binding.watch(this.#id, true);
    counters.sendDrops += queue.take(this.#batch, first);
    if (queue.bytes > counters.queueHighWater) counters.queueHighWater = queue.bytes;
  }
}

function isUnreachable(errors: Int32Array, at: number): boolean {
  const origin = errors[at + ErrorEntry.Origin] as number;
  const type = origin >> 8;
  switch (origin & 255) {
    case ORIGIN_ICMP:
      // "Fragmentation needed" is of that type, too.
      return type === ICMP_UNREACHABLE && errors[at + ErrorEntry.Errno] !== constants.errno.EMSGSIZE;
    case ORIGIN_ICMP6:
      return type === ICMP6_UNREACHABLE;
    default:
      return false;
  }
}

function systemError(syscall: string, errno: number): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: -errno, syscall });
}

// The interface of a link-local address, `fe80::1%eth0` or `fe80::1%2`; 0 where none is named.
function scopeOf(host: string): number {
  const percent = host.indexOf("%");
  if (percent < 0) return 0;
  const zone = host.slice(percent + 1);
  if (/^\d{1,9}$/.test(zone)) return Number(zone);
  for (const entry of networkInterfaces()[zone] ?? []) {
    if (entry.family === "IPv6" && entry.scopeid !== 0) return entry.scopeid;
  }
  return 0;
}
