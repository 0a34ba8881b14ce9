// What the ends of a simulation say to each other: requests whose every byte is known, and a service that checks them.

import type { CallHandle, CallListener } from "../../src/core/call-handle.js";
import { CallEvent, Completion } from "../../src/core/call-object.js";
import type { Bundle } from "../../src/core/conn-client.js";
import type { Service, ServiceSettings, ServiceStyle } from "../../src/core/service.js";
import { Prng } from "../../src/transport/prng.js";
import type { Address } from "../../src/util/address.js";
import { Violation } from "./checkers.js";
import type { End } from "./pair.js";

export const SERVICE_ID = 147;
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

/** The 12 bytes that a request begins with. */
export function requestHead(id: number, requestBytes: number, replyBytes: number): Uint8Array {
  const head = new DataView(new ArrayBuffer(HEADER_BYTES));
  head.setUint32(0, id);
  head.setUint32(4, requestBytes);
  head.setUint32(8, replyBytes);
  return new Uint8Array(head.buffer);
}

/** `length` bytes of stream `id` from position `at`, at most 16 KiB. */
function patternOf(id: number, at: number, length: number): Uint8Array {
  const from = (id * 7919 + at) % PATTERN_BYTES;
  return pattern.subarray(from, from + length);
}

/** Requests with this id and above come from peers that break the rules: what they send is nobody's fault of ours. */
export const HOSTILE_ID = 1_000_000;

/** How a user of calls takes its time. */
export interface Pace {
  /** Virtual time before it goes on, microseconds; 0 = at once. */
  pauseUs(): number;
  /** The most it reads or writes in one go, in bytes. */
  stepBytes(): number;
}

const AT_ONCE: Pace = { pauseUs: () => 0, stepBytes: () => Number.MAX_SAFE_INTEGER };

/** Lets work be done by steps, with pauses between them. */
class Stepping {
  readonly pace: Pace;
  readonly #end: End;
  #isPausing = false;

  constructor(end: End, pace: Pace | null) {
    this.#end = end;
    this.pace = pace ?? AT_ONCE;
  }

  /** Does `work` now or after a pause; it says whether there is more to do without being told. */
  go(handle: CallHandle, work: () => boolean): void {
    if (this.#isPausing) return;
    const pauseUs = this.pace.pauseUs();
    if (pauseUs === 0) {
      while (work());
      return;
    }
    this.#isPausing = true;
    this.#end.after(pauseUs, () => {
      this.#isPausing = false;
      if (!handle.isReleased && !handle.isEnded && work()) this.go(handle, work);
    });
  }
}

/** Reads a stream of known bytes and counts them. */
class Reading {
  received = 0;
  readonly #scratch = new Uint8Array(CHUNK_BYTES);

  /** Takes what is there, at most `most` bytes. @returns what is wrong with it, or "" */
  take(handle: CallHandle, id: number, most = Number.MAX_SAFE_INTEGER): string {
    for (let left = most; ; ) {
      const got = handle.readInto(this.#scratch, 0, Math.min(CHUNK_BYTES, left));
      left -= got;
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

  /** @returns whether `most` bytes were written and there is more */
  put(handle: CallHandle, id: number, total: number, most = Number.MAX_SAFE_INTEGER): boolean {
    let left = most;
    while (this.sent < total) {
      if (left === 0) return true;
      const length = Math.min(CHUNK_BYTES, total - this.sent, left);
      const taken = handle.write(patternOf(id, this.sent, length), 0, length);
      this.sent += taken;
      left -= taken;
      if (taken < length) return false;
    }
    if (this.#hasEnded) return false;
    this.#hasEnded = true;
    handle.end();
    return false;
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
  /** How often each request was run, while the server has to know that it was. */
  readonly runs = new Map<number, number>();
  readonly served: Served[] = [];
  readonly errors: string[] = [];
  live = 0;
  /** Handles of the calls that it works on. */
  readonly sessions = new Set<CallHandle>();
  readonly end: End;
  /** How its handlers take their time; null = not at all. */
  pace: Pace | null = null;
  /** Another way to serve a call. @returns whether it has taken it */
  serveOtherwise: ((handle: CallHandle) => boolean) | null = null;
  #nextUserId = 0n;
  /** When the call of each request ended, by the server's clock. */
  readonly #endedUs = new Map<number, number>();

  constructor(end: End, settings: Partial<ServiceSettings> & { style: ServiceStyle }, backlog: number) {
    this.end = end;
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

  /** A handler begins with this request. */
  noteRun(id: number): void {
    const { config } = this.end.endpoint;
    const endedUs = this.#endedUs.get(id);
    // The tombstone stands at least so long: O1 says nothing of what comes when it has gone.
    const isForgotten = endedUs !== undefined && this.end.nowUs - endedUs > config.tombstoneUs;
    this.runs.set(id, isForgotten ? 1 : (this.runs.get(id) ?? 0) + 1);
  }

  /** A handler has been told that its call is over. */
  noteEnded(handle: CallHandle, id: number): void {
    if (!this.sessions.delete(handle)) throw new Violation("O2", `the call of request ${id} ended twice`);
    this.live--;
    this.#endedUs.set(id, this.end.nowUs);
    this.served.push({ id, completion: handle.completion });
  }

  #charge(): void {
    while (this.service.room > 0) this.service.chargeAccept(this.#nextUserId++, null);
  }

  #begin(handle: CallHandle): void {
    if (this.serveOtherwise?.(handle) === true) {
      if (this.service.style === "kernel") this.#charge();
      return;
    }
    this.adopt(handle);
  }

  /** Serves a call that the service has been told of. */
  adopt(handle: CallHandle): void {
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
  readonly #stepping: Stepping;
  readonly #head = new Uint8Array(HEADER_BYTES);
  readonly #view = new DataView(this.#head.buffer);
  #headBytes = 0;
  #isAnswering = false;

  #note(error: string): void {
    if (this.#id < HOSTILE_ID) this.#owner.errors.push(error);
  }

  constructor(owner: PatternService, handle: CallHandle) {
    this.#owner = owner;
    this.#stepping = new Stepping(owner.end, owner.pace);
    if (handle.isEnded) this.#ended(handle);
    else this.#serve(handle);
  }

  handleCallEvents(handle: CallHandle, events: number): void {
    if ((events & CallEvent.Ended) !== 0) this.#ended(handle);
    else if ((events & (CallEvent.Readable | CallEvent.Writable)) !== 0) this.#serve(handle);
  }

  #ended(handle: CallHandle): void {
    this.#owner.noteEnded(handle, this.#id);
    handle.release();
  }

  get #id(): number {
    return this.#view.getUint32(0);
  }

  #serve(handle: CallHandle): void {
    this.#stepping.go(handle, () => this.#step(handle));
  }

  #step(handle: CallHandle): boolean {
    const most = this.#stepping.pace.stepBytes();
    if (this.#headBytes < HEADER_BYTES) {
      this.#headBytes += handle.readInto(this.#head, this.#headBytes, HEADER_BYTES - this.#headBytes);
      if (this.#headBytes < HEADER_BYTES) return false;
      if (this.#id < HOSTILE_ID) this.#owner.noteRun(this.#id);
    }
    const wrong = this.#reading.take(handle, this.#id, most);
    if (wrong !== "") this.#note(wrong);
    if (handle.isAtEnd && !this.#isAnswering) {
      this.#isAnswering = true;
      const expected = this.#view.getUint32(4);
      if (this.#reading.received !== expected) {
        this.#note(`request ${this.#id} has ${this.#reading.received} bytes of ${expected}`);
      }
    }
    if (this.#isAnswering) return this.#writing.put(handle, this.#id + 1, this.#view.getUint32(8), most);
    return handle.hasInput;
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
  /** When it ended, by its end's clock. */
  endedUs = 0;
  error = "";
  /** Its end has crashed: nobody will ever be told how it ended. */
  get isOrphan(): boolean {
    return this.#end.isDead;
  }
  readonly #end: End;
  readonly #stepping: Stepping;
  #head: Uint8Array = new Uint8Array(0);
  readonly #reading = new Reading();
  readonly #writing = new Writing();

  constructor(
    end: End,
    bundle: Bundle,
    id: number,
    requestBytes: number,
    replyBytes: number,
    pace: Pace | null = null,
  ) {
    this.#end = end;
    this.#stepping = new Stepping(end, pace);
    this.id = id;
    this.requestBytes = requestBytes;
    this.replyBytes = replyBytes;
    this.handle = end.command(() => {
      const handle = end.endpoint.beginCall(bundle, this);
      this.#head = requestHead(id, requestBytes, replyBytes);
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
    if (this.ends > 0) throw new Violation("O2", `told ${events} after its end: ${this.describe()}`);
    if ((events & CallEvent.Ended) !== 0) {
      this.error ||= this.#reading.take(handle, this.id + 1);
      this.#finish(handle);
      return;
    }
    if ((events & CallEvent.Readable) !== 0) this.#stepping.go(handle, () => this.#read(handle));
    if ((events & CallEvent.Writable) !== 0) {
      this.#put(handle);
    }
  }

  #read(handle: CallHandle): boolean {
    const wrong = this.#reading.take(handle, this.id + 1, this.#stepping.pace.stepBytes());
    this.error ||= wrong;
    return handle.hasInput;
  }

  #finish(handle: CallHandle): void {
    this.ends++;
    this.endedUs = this.#end.nowUs;
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
export function openBundle(end: End, remote: Address, connectionsMax = 16, securityIndex = 0): Bundle {
  return end.command(() =>
    end.endpoint.openBundle({
      remote,
      serviceId: SERVICE_ID,
      securityIndex,
      connectionsMax,
      wantsUpgrade: false,
    }),
  );
}
