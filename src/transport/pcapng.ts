// Records datagrams into a pcapng file that tshark and Wireshark read. Recording never disturbs what is recorded:
// what cannot be written is skipped and counted.
import { createWriteStream, type WriteStream } from "node:fs";
import type { Address } from "../util/address.js";
import { RxError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import {
  Direction,
  FILE_HEADER_BYTES,
  packetBlockMaxBytes,
  writeFileHeader,
  writePacket,
} from "./pcapng-format.js";
import type { DatagramSink, DatagramTransport, TransportCounters } from "./transport.js";

export interface PcapngOptions {
  /** Size at which recording stops. Default 256 MiB. */
  readonly fileMaxBytes?: number;
  /** Bytes that may wait for the disk. Default 8 MiB. */
  readonly queueMaxBytes?: number;
  /** Microseconds since 1970 for the next datagram. Default: the wall clock at the start, going on monotonically. */
  readonly epochUs?: () => number;
}

const OPTIONS = [
  "fileMaxBytes",
  "queueMaxBytes",
  "epochUs",
] as const satisfies readonly (keyof PcapngOptions)[];

const FILE_MAX_BYTES = 256 * 1024 * 1024;
const QUEUE_MAX_BYTES = 8 * 1024 * 1024;

// More does not fit the length field of an IPv4 packet.
const DATAGRAM_MAX_BYTES = 65_507;

// One write for up to this many bytes; a turn of the loop that records less writes what it has.
const CHUNK_BYTES = 128 * 1024;

/** A pcapng file being written. Several taps may record into one. */
export class PcapngWriter {
  /** Datagrams in the file, and those left out because of a limit or a failed disk. */
  readonly counters = { recorded: 0, skipped: 0 };
  /** Why writing stopped, when the system refused. */
  error: Error | undefined = undefined;

  readonly #stream: WriteStream;
  readonly #fileMaxBytes: number;
  readonly #queueMaxBytes: number;
  readonly #epochUs: () => number;
  readonly #flush = (): void => this.#write();
  #chunk = new Uint8Array(CHUNK_BYTES);
  #filled = 0;
  #fileBytes = FILE_HEADER_BYTES;
  #isFlushArmed = false;
  #closing: Promise<void> | undefined;

  private constructor(stream: WriteStream, options: PcapngOptions) {
    this.#stream = stream;
    this.#fileMaxBytes = integerOption(
      "fileMaxBytes",
      options.fileMaxBytes,
      FILE_MAX_BYTES,
      FILE_HEADER_BYTES,
    );
    this.#queueMaxBytes = integerOption("queueMaxBytes", options.queueMaxBytes, QUEUE_MAX_BYTES, 0);
    this.#epochUs = options.epochUs ?? wallClockUs;
    stream.on("error", (error) => {
      this.error = error;
    });
    this.#filled = writeFileHeader(this.#chunk, 0);
    this.#write();
  }

  /**
   * Creates the file, or empties it when it is there.
   * @throws RxError `RX_ERR_SOCKET` when it cannot be opened; RxOptionError
   */
  static async open(path: string, options: PcapngOptions = {}): Promise<PcapngWriter> {
    knownOptions("pcapng", options, OPTIONS);
    // Readable by its owner only: it holds what users sent.
    const stream = createWriteStream(path, { mode: 0o600 });
    await new Promise<void>((resolve, reject) => {
      stream.once("open", () => resolve());
      stream.once("error", (cause) => {
        reject(new RxError("RX_ERR_SOCKET", `cannot write the capture ${path}: ${cause.message}`, { cause }));
      });
    });
    return new PcapngWriter(stream, options);
  }

  /** Records one datagram; the bytes are copied. */
  record(
    direction: Direction,
    from: Address,
    to: Address,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void {
    const needed = packetBlockMaxBytes(length);
    if (
      length > DATAGRAM_MAX_BYTES ||
      this.#closing !== undefined ||
      this.error !== undefined ||
      this.#fileBytes + needed > this.#fileMaxBytes ||
      this.#stream.writableLength + this.#filled + needed > this.#queueMaxBytes
    ) {
      this.counters.skipped++;
      return;
    }
    if (this.#filled + needed > this.#chunk.length) this.#write();
    const before = this.#filled;
    const epochUs = this.#epochUs();
    this.#filled = writePacket(this.#chunk, before, epochUs, direction, from, to, bytes, offset, length);
    this.#fileBytes += this.#filled - before;
    this.counters.recorded++;
    if (!this.#isFlushArmed) {
      this.#isFlushArmed = true;
      setImmediate(this.#flush);
    }
  }

  /** Writes what is left and closes the file. Does not fail: see `error`. Any number of times. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#write();
      this.#stream.once("close", () => resolve());
      if (this.#stream.closed) resolve();
      else this.#stream.end();
    });
    return this.#closing;
  }

  #write(): void {
    this.#isFlushArmed = false;
    if (this.#filled === 0 || this.error !== undefined || this.#stream.destroyed) return;
    // The stream keeps what it is given, so it gets a copy of just the bytes that count.
    this.#stream.write(this.#chunk.slice(0, this.#filled));
    this.#filled = 0;
  }
}

/** Records what passes through another transport, without changing it. Closing the tap leaves the writer open. */
export class PcapngTap implements DatagramTransport, DatagramSink {
  readonly #inner: DatagramTransport;
  readonly #writer: PcapngWriter;
  #sink: DatagramSink | undefined;

  constructor(inner: DatagramTransport, writer: PcapngWriter) {
    this.#inner = inner;
    this.#writer = writer;
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

  /** Only what the transport took is recorded. */
  send(bytes: Uint8Array, offset: number, length: number, remote: Address, host: string): boolean {
    const isTaken = this.#inner.send(bytes, offset, length, remote, host);
    if (isTaken) {
      this.#writer.record(Direction.Outbound, this.#inner.local, remote, bytes, offset, length);
    }
    return isTaken;
  }

  flush(): void {
    this.#inner.flush?.();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  handleDatagram(bytes: Uint8Array, length: number, remote: Address): void {
    this.#writer.record(Direction.Inbound, remote, this.#inner.local, bytes, 0, length);
    this.#sink?.handleDatagram(bytes, length, remote);
  }

  handleError(cause: Error): void {
    this.#sink?.handleError(cause);
  }

  handleUnreachable(remote: Address, quote: Uint8Array, length: number): void {
    this.#sink?.handleUnreachable?.(remote, quote, length);
  }
}

// Monotonic, so that a capture stays in order when the wall clock is set back.
function wallClockUs(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}
