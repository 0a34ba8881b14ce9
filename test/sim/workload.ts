// What the ends of a simulation say to each other: requests whose every byte is known, and a service that checks them.

import type { CallHandle, CallListener } from "../../src/core/call-handle.js";
import { CallEvent, Completion } from "../../src/core/call-object.js";
import type { Bundle } from "../../src/core/conn-client.js";
import type { Service, ServiceSettings, ServiceStyle } from "../../src/core/service.js";
import { Prng } from "../../src/transport/prng.js";
import type { Address } from "../../src/util/address.js";
import type { End } from "./pair.js";

const SERVICE_ID = 147;
const HEADER_BYTES = 12;
// A prime, so that a packet delivered at a wrong place is noticed.
const PATTERN_BYTES = 65_521;
const CHUNK_BYTES = 16_384;

const pattern = new Uint8Array(PATTERN_BYTES + CHUNK_BYTES);
{
  const prng = new Prng(1);
  for (let i = 0; i < pattern.length; i++)
    pattern[i] = i < PATTERN_BYTES ? prng.int32() : (pattern[i - PATTERN_BYTES] as number);
}

/** `length` bytes of stream `id` from position `at`, at most 16 KiB. */
function patternOf(id: number, at: number, length: number): Uint8Array {
  const from = (id * 7919 + at) % PATTERN_BYTES;
  return pattern.subarray(from, from + length);
}

/** Reads a stream of known bytes and counts them. */
class Reading {
  received = 0;
  readonly #scratch = new Uint8Array(CHUNK_BYTES);

  /** Takes what is there. @returns what is wrong with it, or "" */
  take(handle: CallHandle, id: number): string {
    for (;;) {
      const got = handle.readInto(this.#scratch, 0, CHUNK_BYTES);
      if (got === 0) return "";
      if (Buffer.compare(this.#scratch.subarray(0, got), patternOf(id, this.received, got)) !== 0) {
        return `stream ${id} has wrong bytes between ${this.received} and ${this.received + got}`;
      }
      this.received += got;
    }
  }
}

/** Writes a stream of known bytes as there is room. */
class Writing {
  sent = 0;
  #hasEnded = false;

  put(handle: CallHandle, id: number, total: number): void {
    while (this.sent < total) {
      const length = Math.min(CHUNK_BYTES, total - this.sent);
      const taken = handle.write(patternOf(id, this.sent, length), 0, length);
      this.sent += taken;
      if (taken < length) return;
    }
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    handle.end();
  }
}

/** How one request went at the service. */
export interface Served {
  readonly id: number;
  readonly completion: Completion;
}

/** Answers requests: 12 bytes that say id, request length and reply length, then the request's stream. */
export class PatternService {
  readonly service: Service;
  /** How often each request was run. */
  readonly runs = new Map<number, number>();
  readonly served: Served[] = [];
  readonly errors: string[] = [];
  live = 0;
  /** Handles of the calls that it works on. */
  readonly sessions = new Set<CallHandle>();
  #nextUserId = 0n;

  constructor(end: End, settings: Partial<ServiceSettings> & { style: ServiceStyle }, backlog: number) {
    this.service = end.endpoint.addService(
      {
        serviceId: SERVICE_ID,
        policy: { kind: "busy" },
        callsPerPeerMax: 1_024,
        requestMaxBytes: 1 << 30,
        upgradeTo: 0,
        ...settings,
      },
      {
        onNewCall: (handle) => this.#begin(handle),
        onDiscardCall: () => undefined,
      },
    );
    end.command(() => {
      this.service.listen(backlog);
      if (settings.style === "kernel") this.#charge();
    });
  }

  #charge(): void {
    while (this.service.room > 0) this.service.chargeAccept(this.#nextUserId++, null);
  }

  #begin(handle: CallHandle): void {
    this.live++;
    this.sessions.add(handle);
    if (this.service.style === "kernel") this.#charge();
    else if (!handle.isEnded) this.service.accept(handle, this.#nextUserId++);
    handle.listener = new Session(this, handle);
  }
}

class Session implements CallListener {
  readonly #owner: PatternService;
  readonly #reading = new Reading();
  readonly #writing = new Writing();
  readonly #head = new Uint8Array(HEADER_BYTES);
  readonly #view = new DataView(this.#head.buffer);
  #headBytes = 0;
  #isAnswering = false;

  constructor(owner: PatternService, handle: CallHandle) {
    this.#owner = owner;
    if (handle.isEnded) this.#ended(handle);
    else this.#serve(handle);
  }

  handleCallEvents(handle: CallHandle, events: number): void {
    if ((events & CallEvent.Ended) !== 0) this.#ended(handle);
    else if ((events & (CallEvent.Readable | CallEvent.Writable)) !== 0) this.#serve(handle);
  }

  #ended(handle: CallHandle): void {
    this.#owner.live--;
    this.#owner.sessions.delete(handle);
    this.#owner.served.push({ id: this.#id, completion: handle.completion });
    handle.release();
  }

  get #id(): number {
    return this.#view.getUint32(0);
  }

  #serve(handle: CallHandle): void {
    if (this.#headBytes < HEADER_BYTES) {
      this.#headBytes += handle.readInto(this.#head, this.#headBytes, HEADER_BYTES - this.#headBytes);
      if (this.#headBytes < HEADER_BYTES) return;
      this.#owner.runs.set(this.#id, (this.#owner.runs.get(this.#id) ?? 0) + 1);
    }
    const wrong = this.#reading.take(handle, this.#id);
    if (wrong !== "") this.#owner.errors.push(wrong);
    if (handle.isAtEnd && !this.#isAnswering) {
      this.#isAnswering = true;
      const expected = this.#view.getUint32(4);
      if (this.#reading.received !== expected) {
        this.#owner.errors.push(`request ${this.#id} has ${this.#reading.received} bytes of ${expected}`);
      }
    }
    if (this.#isAnswering) this.#writing.put(handle, this.#id + 1, this.#view.getUint32(8));
  }
}

/** One client call and its outcome. */
export class PatternCall implements CallListener {
  readonly id: number;
  readonly requestBytes: number;
  readonly replyBytes: number;
  readonly handle: CallHandle;
  /** Set once, when the call has ended. */
  completion: Completion = Completion.None;
  abortCode = 0;
  ends = 0;
  error = "";
  #head = new Uint8Array(0);
  readonly #reading = new Reading();
  readonly #writing = new Writing();

  constructor(end: End, bundle: Bundle, id: number, requestBytes: number, replyBytes: number) {
    this.id = id;
    this.requestBytes = requestBytes;
    this.replyBytes = replyBytes;
    this.handle = end.command(() => {
      const handle = end.endpoint.beginCall(bundle, this);
      const head = new DataView(new ArrayBuffer(HEADER_BYTES));
      head.setUint32(0, id);
      head.setUint32(4, requestBytes);
      head.setUint32(8, replyBytes);
      this.#head = new Uint8Array(head.buffer);
      this.#put(handle);
      return handle;
    });
  }

  // The head fits into one packet: it is taken whole, or not at all while there is no buffer.
  #put(handle: CallHandle): void {
    if (this.#head.length > 0) {
      if (handle.write(this.#head, 0, HEADER_BYTES) === 0) return;
      this.#head = new Uint8Array(0);
    }
    this.#writing.put(handle, this.id, this.requestBytes);
  }

  get isEnded(): boolean {
    return this.ends > 0;
  }

  get isRight(): boolean {
    return this.completion === Completion.Succeeded && this.error === "" && this.ends === 1;
  }

  handleCallEvents(handle: CallHandle, events: number): void {
    if ((events & CallEvent.Readable) !== 0) this.error ||= this.#reading.take(handle, this.id + 1);
    if ((events & CallEvent.Ended) !== 0) {
      this.#end(handle);
    } else if ((events & CallEvent.Writable) !== 0) {
      this.#put(handle);
    }
  }

  #end(handle: CallHandle): void {
    this.ends++;
    this.completion = handle.completion;
    this.abortCode = handle.abortCode;
    if (this.completion === Completion.Succeeded && this.#reading.received !== this.replyBytes) {
      this.error ||= `reply ${this.id} has ${this.#reading.received} bytes of ${this.replyBytes}`;
    }
    handle.release();
  }

  describe(): string {
    return `call ${this.id}: ends ${this.ends}, completion ${this.completion}, code ${this.abortCode}, ${this.#reading.received} of ${this.replyBytes} reply bytes ${this.error}`;
  }
}

/** A client's connection to the pattern service at `remote`. */
export function openBundle(end: End, remote: Address, connectionsMax = 16): Bundle {
  return end.command(() =>
    end.endpoint.openBundle({
      remote,
      serviceId: SERVICE_ID,
      securityIndex: 0,
      connectionsMax,
      wantsUpgrade: false,
    }),
  );
}
