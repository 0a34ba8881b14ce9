// Asks an Rx server about itself, as rxdebug does: VERSION and DEBUG, outside of connections (rx-wire.md sections 10 and 11).
// The server may be anybody's: every answer is checked for length, every count and every wait is bounded.
import { randomInt } from "node:crypto";
import { UdpTransport } from "../transport/udp.js";
import type { Address } from "../util/address.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import {
  DEBUG_REQUEST_SIZE,
  DebugConn,
  DebugPeer,
  DebugRequest,
  DebugRequestType,
  DebugStats,
  isDebugConnEnd,
  isDebugError,
  isDebugPeerEnd,
  RX_STATISTICS_COUNT,
  readDebugConn,
  readDebugPeer,
  readDebugStats,
  readRxStatistics,
  writeDebugRequest,
} from "../wire/debug.js";
import { HEADER_SIZE, PacketHeader, readHeader, writeHeader } from "../wire/header.js";
import { PacketFlag, PacketType } from "../wire/packet-type.js";
import { readVersionText, writeVersionRequest } from "../wire/version.js";

export interface DebugClientOptions {
  readonly host: string;
  readonly port: number;
  /** How long a question waits for its answer, repeats included. Default 10 000. */
  readonly timeoutMs?: number;
  /** How long all questions together may take. Default 60 000. */
  readonly totalMs?: number;
  /** Connections or peers that one listing holds at most. Default 4 096. */
  readonly entriesMax?: number;
}

/** What a walk over a server's table gave. */
export interface DebugListing<T> {
  readonly entries: readonly T[];
  /** False when the walk was ended by `entriesMax`. */
  readonly isComplete: boolean;
}

const OPTION_NAMES = ["host", "port", "timeoutMs", "totalMs", "entriesMax"] as const;

const TIMEOUT_MS = 10_000;
const TOTAL_MS = 60_000;
const TIME_MAX_MS = 3_600_000;
const ENTRIES_MAX = 4_096;
// As rxdebug: up to five times, waiting 1, 2, 4, 8 and 16 seconds.
const TRIES = 5;
const FIRST_WAIT_MS = 1_000;
const DEBUG_EPOCH = 999;
const CALL_NUMBER_MAX = 0x4000_0000;

/** Reads an answer's body. @returns undefined when it is none: the wait for one goes on */
type Reader<T> = (bytes: Uint8Array, offset: number, end: number) => T | undefined;

interface Question {
  readonly type: number;
  handle(bytes: Uint8Array, end: number): void;
  fail(cause: RxError): void;
}

export class DebugClient {
  readonly #transport: UdpTransport;
  readonly #target: string;
  readonly #timeoutMs: number;
  readonly #entriesMax: number;
  readonly #endMs: number;
  readonly #out = new Uint8Array(HEADER_SIZE + DEBUG_REQUEST_SIZE);
  readonly #header = new PacketHeader();
  #callNumber = randomInt(1, CALL_NUMBER_MAX);
  #question: Question | null = null;
  #strayAnswers = 0;
  #isClosed = false;

  private constructor(transport: UdpTransport, options: DebugClientOptions) {
    this.#transport = transport;
    this.#target = `${options.host} port ${options.port}`;
    this.#timeoutMs = integerOption("timeoutMs", options.timeoutMs, TIMEOUT_MS, 1, TIME_MAX_MS);
    this.#entriesMax = integerOption("entriesMax", options.entriesMax, ENTRIES_MAX, 1, ENTRIES_MAX * 16);
    this.#endMs = performance.now() + integerOption("totalMs", options.totalMs, TOTAL_MS, 1, TIME_MAX_MS);
  }

  /**
   * Opens a socket that hears this server alone.
   * @throws RxOptionError; RxError RX_ERR_SOCKET when the name cannot be resolved
   */
  static async open(options: DebugClientOptions): Promise<DebugClient> {
    knownOptions("options", options, OPTION_NAMES);
    const { host, port } = options;
    if (port === undefined) throw new RxOptionError("port", "an integer from 1 to 65535", port);
    const transport = new UdpTransport({ connect: { host, port } });
    const client = new DebugClient(transport, options);
    await transport.open({
      handleDatagram: (bytes, length) => client.#handleDatagram(bytes, length),
      handleError: (cause) => client.#handleError(cause),
    });
    return client;
  }

  /** What the server says that it runs, escaped. @throws RxError RX_ERR_CALL_TIMEOUT, RX_ERR_NETWORK */
  version(): Promise<string> {
    const end = writeVersionRequest(this.#out, HEADER_SIZE);
    return this.#ask(PacketType.Version, end, (bytes, offset, to) =>
      to > offset ? readVersionText(bytes, offset, to) : undefined,
    );
  }

  /** @throws RxError as version(), RX_ERR_CALL_FAILED when the server does not know the question; so do all that follow */
  stats(): Promise<DebugStats> {
    return this.#askDebug(DebugRequestType.GetStats, 0, (bytes, offset, end) => {
      const stats = new DebugStats();
      return readDebugStats(bytes, offset, end, stats) ? stats : undefined;
    });
  }

  /** The counters of a whole Rx; their names are RX_STATISTIC_NAMES. */
  statistics(): Promise<Int32Array> {
    return this.#askDebug(DebugRequestType.RxStats, 0, (bytes, offset, end) => {
      const values = new Int32Array(RX_STATISTICS_COUNT);
      return readRxStatistics(bytes, offset, end, values) ? values : undefined;
    });
  }

  /** Connections with something going on, or all of them. */
  connections(which: "active" | "all"): Promise<DebugListing<DebugConn>> {
    const type = which === "all" ? DebugRequestType.GetAllConn : DebugRequestType.GetConn;
    return this.#walk(
      type,
      (bytes, offset, end) => {
        const conn = new DebugConn();
        return readDebugConn(bytes, offset, end, conn) ? conn : undefined;
      },
      isDebugConnEnd,
    );
  }

  peers(): Promise<DebugListing<DebugPeer>> {
    return this.#walk(
      DebugRequestType.GetPeer,
      (bytes, offset, end) => {
        const peer = new DebugPeer();
        return readDebugPeer(bytes, offset, end, peer) ? peer : undefined;
      },
      isDebugPeerEnd,
    );
  }

  /** A question under way fails with RX_ERR_SOCKET_CLOSED. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#question?.fail(
      new RxError("RX_ERR_SOCKET_CLOSED", "the socket was closed while a question was under way"),
    );
    await this.#transport.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #walk<T>(type: number, read: Reader<T>, isEnd: (entry: T) => boolean): Promise<DebugListing<T>> {
    const entries: T[] = [];
    while (entries.length < this.#entriesMax) {
      const entry = await this.#askDebug(type, entries.length, read);
      if (isEnd(entry)) return { entries, isComplete: true };
      entries.push(entry);
    }
    return { entries, isComplete: false };
  }

  async #askDebug<T>(type: number, index: number, read: Reader<T>): Promise<T> {
    const request = new DebugRequest();
    request.type = type;
    request.index = index;
    const end = writeDebugRequest(this.#out, HEADER_SIZE, request);
    const answer = await this.#ask(PacketType.Debug, end, (bytes, offset, to) =>
      isDebugError(bytes, offset, to) ? { value: undefined } : wrapped(read(bytes, offset, to)),
    );
    if (answer.value === undefined) {
      throw new RxError(
        "RX_ERR_CALL_FAILED",
        `${this.#target} does not answer DEBUG questions of type ${type}`,
      );
    }
    return answer.value;
  }

  /** Sends `#out[0, end)` until there is an answer or the time is up. One question at a time. */
  async #ask<T>(type: number, end: number, read: Reader<T>): Promise<T> {
    const peer = this.#transport.peer;
    if (this.#question !== null) throw new RxError("RX_ERR_CALL_STATE", "another question is under way");
    if (peer === null || this.#isClosed) throw new RxError("RX_ERR_SOCKET_CLOSED", "the client is closed");
    this.#writeHeader(type);
    return new Promise<T>((resolve, reject) => {
      const limitMs = Math.min(performance.now() + this.#timeoutMs, this.#endMs);
      let tries = 0;
      let timer: NodeJS.Timeout | undefined;
      const settle = (): void => {
        clearTimeout(timer);
        this.#question = null;
      };
      const giveUp = (): void => {
        settle();
        reject(this.#timeoutError(tries));
      };
      const attempt = (): void => {
        const leftMs = limitMs - performance.now();
        if (leftMs <= 0) return giveUp();
        const waitMs = FIRST_WAIT_MS * 2 ** tries;
        tries++;
        const isLast = tries === TRIES || leftMs <= waitMs;
        timer = setTimeout(isLast ? giveUp : attempt, Math.min(waitMs, leftMs));
        this.#send(end, peer);
      };
      this.#question = {
        type,
        handle: (bytes, to) => {
          const answer = read(bytes, HEADER_SIZE, to);
          if (answer === undefined) {
            this.#strayAnswers++;
            return;
          }
          settle();
          resolve(answer);
        },
        fail: (cause) => {
          settle();
          reject(cause);
        },
      };
      attempt();
    });
  }

  // Every question has a number of its own; its repeats share it, so that a late answer to the first one counts.
  #writeHeader(type: number): void {
    const header = this.#header;
    this.#callNumber = (this.#callNumber % CALL_NUMBER_MAX) + 1;
    header.epoch = DEBUG_EPOCH;
    header.cid = 0;
    header.callNumber = this.#callNumber;
    header.seq = 0;
    header.serial = 0;
    header.type = type;
    header.flags = PacketFlag.ClientInitiated | PacketFlag.LastPacket;
    header.userStatus = 0;
    header.securityIndex = 0;
    header.cksum = 0;
    header.serviceId = 0;
    writeHeader(this.#out, 0, header);
  }

  #send(end: number, peer: Address): void {
    this.#transport.send(this.#out, 0, end, peer, peer.format());
  }

  #handleDatagram(bytes: Uint8Array, length: number): void {
    const question = this.#question;
    if (question === null || length < HEADER_SIZE) return;
    const header = this.#header;
    readHeader(bytes, 0, header);
    const isAnswer =
      header.callNumber === this.#callNumber &&
      header.type === question.type &&
      (header.flags & PacketFlag.ClientInitiated) === 0;
    if (isAnswer) question.handle(bytes, length);
    else this.#strayAnswers++;
  }

  #handleError(cause: Error): void {
    if (!("code" in cause) || cause.code !== "ECONNREFUSED") return;
    this.#question?.fail(new RxError("RX_ERR_NETWORK", `nobody listens at ${this.#target}`, { cause }));
  }

  #timeoutError(tries: number): RxError {
    const strays =
      this.#strayAnswers === 0 ? "" : `; ${this.#strayAnswers} datagrams came that are no answers`;
    return new RxError("RX_ERR_CALL_TIMEOUT", `no answer from ${this.#target} to ${tries} tries${strays}`);
  }
}

// Tells an answer without a value from no answer.
function wrapped<T>(value: T | undefined): { readonly value: T } | undefined {
  return value === undefined ? undefined : { value };
}
