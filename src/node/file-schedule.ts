// When file operations run: how many at once, whose turn it is, which wait for a descriptor, and how outcomes come back.
import * as fs from "node:fs";
import { type EventCache, EventClass, EventItem } from "../loop/event-cache.js";
import { assert } from "../util/assert.js";
import { RxError } from "../util/errors.js";
import {
  type Answer,
  closeOf,
  Descriptor,
  type FileBackend,
  type FileOperation,
  OpenOperation,
  OperationList,
  OwnerTurns,
} from "./file-operation.js";

// libuv's pool has 4 threads unless UV_THREADPOOL_SIZE says otherwise; more at once would only wait inside of it, unfairly.
export const IN_FLIGHT_MAX = 4;
export const WAITING_MAX = 4_096;
const COMPLETIONS_PER_TURN = 8;
// Outcomes that may wait for delivery before nothing more is submitted: what the loop cannot take need not be read yet.
const OUTCOMES_MAX = 64;

export interface FileQueueOptions {
  readonly events: EventCache;
  /** Operations that are with the backend at once. Default 4: the threads of libuv's pool. */
  readonly inFlightMax?: number;
  /** Operations that wait for it; more are refused. Default 4 096. */
  readonly waitingMax?: number;
  /** Descriptors that owners may have open at once, in all; more opens wait. Default: as many as the system allows. */
  readonly openMax?: number;
  /** Outcomes that are delivered before others in the event cache have their turn. Default 8. */
  readonly completionsPerTurn?: number;
  /** Default: `node:fs`. */
  readonly backend?: FileBackend;
}

/** Plain counters, read when somebody asks. */
export interface FileCounters {
  /** Goes to the backend; an operation that is continued makes several. */
  submitted: number;
  /** Answers of the backend. */
  completed: number;
  inFlight: number;
  inFlightMaxSeen: number;
  waiting: number;
  waitingMaxSeen: number;
  /** Reads and writes that were short and went on. */
  continued: number;
  /** Opens that found no descriptor free and waited for a close. */
  emfileWaits: number;
  /** Opens that waited because owners had as many open as they may, or because others waited. */
  openWaits: number;
  /** Operations refused because too many waited. */
  refused: number;
  /** Outcomes given to whoever asked, and in how many batches. */
  delivered: number;
  batches: number;
  openDescriptors: number;
}

/**
 *     asked for -> [line of its owner] -> in flight -> [outcomes] -> done, by 8 from the event cache
 *                       ^   ^ short: to the front |
 *                       |   +---------------------+ no descriptor left
 *                       +-- [opens that wait for a close] <-+
 */
export class FileSchedule {
  readonly counters: FileCounters = {
    submitted: 0,
    completed: 0,
    inFlight: 0,
    inFlightMaxSeen: 0,
    waiting: 0,
    waitingMaxSeen: 0,
    continued: 0,
    emfileWaits: 0,
    openWaits: 0,
    refused: 0,
    delivered: 0,
    batches: 0,
    openDescriptors: 0,
  };
  readonly #events: EventCache;
  readonly #inFlightMax: number;
  readonly #waitingMax: number;
  readonly #openMax: number;
  readonly #completionsPerTurn: number;
  readonly #backend: FileBackend;
  readonly #item: OutcomeItem;
  readonly #turns = new OwnerTurns();
  /** Closes that can run, and unlinks. They go first: others may wait for the descriptor. */
  readonly #cleanups = new OperationList();
  /** Opens that wait for a descriptor. There is always one open or an open under way that will wake the first of them. */
  readonly #openWaiters = new OperationList();
  readonly #outcomes = new OperationList();
  /** Outcomes among them that came from the backend. */
  #answersWaiting = 0;
  readonly #descriptors = new Map<number, Descriptor>();
  /** Places of `openMax` in use: by descriptors, and by opens on their way. */
  #placesTaken = 0;
  #descriptorsClosed = 0;
  readonly #endedOwners = new WeakSet<object>();
  /** Operations let in whose outcome has not been delivered. */
  #unsettled = 0;
  #closing: Promise<void> | null = null;
  #resolveClosing: (() => void) | null = null;

  constructor(options: FileQueueOptions) {
    this.#events = options.events;
    this.#inFlightMax = options.inFlightMax ?? IN_FLIGHT_MAX;
    this.#waitingMax = options.waitingMax ?? WAITING_MAX;
    this.#openMax = options.openMax ?? Number.POSITIVE_INFINITY;
    this.#completionsPerTurn = options.completionsPerTurn ?? COMPLETIONS_PER_TURN;
    this.#backend = options.backend ?? fs;
    this.#item = new OutcomeItem(() => this.#deliverSome());
    assert(this.#inFlightMax > 0 && this.#waitingMax > 0 && this.#openMax > 0, "file queue without room");
    assert(this.#completionsPerTurn > 0, "file queue that delivers nothing");
  }

  /** Lets an operation in, or refuses it: then that is its outcome. */
  enter(operation: FileOperation): void {
    if (!this.#admit(operation)) return;
    this.#turns.push(operation);
    this.#pump();
  }

  /** The same for an open, which may have to wait for a descriptor before it has a turn. */
  enterOpen(operation: OpenOperation): void {
    if (!this.#admit(operation)) return;
    // Who comes later stands behind those who wait, but the library's own opens do not wait for handlers' files.
    const hasRoom = this.#openWaiters.count === 0 && this.#placesTaken < this.#openMax;
    if (operation.owner === null || hasRoom) {
      this.#takePlace(operation);
      this.#turns.push(operation);
    } else {
      this.counters.openWaits++;
      this.#openWaiters.push(operation);
    }
    this.#pump();
  }

  /** Closes the descriptor of `operation` when nothing else is asked of it. */
  enterClose(operation: FileOperation): void {
    this.#closeWhenIdle(operation);
    this.#pump();
  }

  /** Lets an operation in that nothing may stop, or something would stay behind. */
  enterCleanup(operation: FileOperation): void {
    this.#keep(operation);
    this.#cleanups.push(operation);
    this.#pump();
  }

  /** What has its outcome already goes where it is delivered. */
  putOutcome(operation: FileOperation): void {
    this.#outcomes.push(operation);
    this.#events.put(this.#item, EventClass.Data);
  }

  /** An open descriptor by its number. Null when all of them have been closed by close(). */
  descriptorOf(fd: number): Descriptor | null {
    if (this.#closing !== null) return null;
    const descriptor = this.#descriptors.get(fd);
    assert(descriptor !== undefined && descriptor.closing === null, "file operation on a closed descriptor");
    return descriptor;
  }

  cancel(owner: object): void {
    if (this.#endedOwners.has(owner)) return;
    this.#endedOwners.add(owner);
    this.#drop(() => this.#openWaiters.takeFirst((operation) => operation.owner === owner));
    // After the waiting opens: the end of one may have brought another of them into the line.
    const line = this.#turns.takeOwner(owner);
    this.#drop(() => line.shift());
    this.#pump();
  }

  close(): Promise<void> {
    if (this.#closing !== null) return this.#closing;
    this.#closing = new Promise((resolve) => {
      this.#resolveClosing = resolve;
    });
    this.#drop(() => this.#openWaiters.shift());
    this.#drop(() => this.#turns.shift());
    for (const descriptor of this.#descriptors.values()) {
      if (descriptor.closing === null) this.#closeWhenIdle(closeOf(descriptor, ignore));
    }
    this.#pump();
    this.#resolveWhenEmpty();
    return this.#closing;
  }

  #admit(operation: FileOperation): boolean {
    operation.cause = this.#endOf(operation.owner);
    if (operation.cause === null && this.#waiting >= this.#waitingMax) {
      this.counters.refused++;
      operation.cause = new RxError("RX_ERR_LIMIT", `${this.#waitingMax} file operations wait already`);
    }
    if (operation.cause !== null) {
      this.putOutcome(operation);
      return false;
    }
    this.#keep(operation);
    if (operation.descriptor !== null) operation.descriptor.pending++;
    return true;
  }

  get #waiting(): number {
    return this.#turns.count + this.#openWaiters.count;
  }

  #keep(operation: FileOperation): void {
    operation.isAdmitted = true;
    this.#unsettled++;
  }

  /** Why nothing is done for `owner` any more, or null. */
  #endOf(owner: object | null): RxError | null {
    if (owner !== null && this.#endedOwners.has(owner)) {
      return new RxError("RX_ERR_CALL_ENDED", "the call ended before its file operation");
    }
    if (this.#closing === null) return null;
    return new RxError("RX_ERR_SOCKET_CLOSED", "the socket was closed before the file operation");
  }

  #closeWhenIdle(operation: FileOperation): void {
    const descriptor = operation.descriptor as Descriptor;
    this.#keep(operation);
    descriptor.closing = operation;
    if (descriptor.pending === 0) this.#cleanups.push(operation);
  }

  #takePlace(operation: OpenOperation): void {
    if (operation.owner === null || operation.hasPlace) return;
    this.#placesTaken++;
    operation.hasPlace = true;
  }

  // A descriptor has been closed, or an open has come to nothing: the first waiter that may go now tries.
  #wakeOpen(): void {
    const mayGo = (waiter: FileOperation): boolean =>
      waiter.owner === null || (waiter as OpenOperation).hasPlace || this.#placesTaken < this.#openMax;
    const waiter = this.#openWaiters.takeFirst(mayGo);
    if (waiter === null) return;
    this.#takePlace(waiter as OpenOperation);
    this.#turns.unshift(waiter);
  }

  #pump(): void {
    const { counters } = this;
    while (counters.inFlight < this.#inFlightMax && this.#answersWaiting < OUTCOMES_MAX) {
      const operation = this.#cleanups.shift() ?? this.#turns.shift();
      if (operation === null) break;
      this.#submit(operation);
    }
    counters.waiting = this.#waiting;
    if (counters.waiting > counters.waitingMaxSeen) counters.waitingMaxSeen = counters.waiting;
  }

  #submit(operation: FileOperation): void {
    const { counters } = this;
    counters.submitted++;
    if (++counters.inFlight > counters.inFlightMaxSeen) counters.inFlightMaxSeen = counters.inFlight;
    operation.isSubmitted = true;
    if (operation instanceof OpenOperation) operation.closedBefore = this.#descriptorsClosed;
    const answer: Answer = (cause, value) => {
      this.#settle(operation, cause, value);
      this.#pump();
    };
    try {
      operation.start(this.#backend, answer);
    } catch (cause) {
      // Node refuses some arguments at once.
      this.#settle(operation, cause as Error, undefined);
    }
  }

  #settle(operation: FileOperation, cause: Error | null, value: unknown): void {
    this.counters.inFlight--;
    this.counters.completed++;
    const { descriptor } = operation;
    if (operation instanceof OpenOperation) {
      this.#settleOpen(operation, cause, value as number);
    } else if (descriptor !== null && descriptor.closing === operation) {
      this.#forget(descriptor);
      this.#finish(operation, cause);
    } else if (cause !== null || !operation.take(value)) {
      this.#finish(operation, cause ?? operation.cause);
    } else {
      const end = this.#endOf(operation.owner);
      if (end !== null) {
        this.#finish(operation, end);
        return;
      }
      this.counters.continued++;
      this.#turns.unshift(operation);
    }
  }

  #settleOpen(operation: OpenOperation, cause: Error | null, fd: number): void {
    if (cause === null) {
      // The system may give the number of a closed descriptor away before its close has been answered.
      const before = this.#descriptors.get(fd);
      assert(before === undefined || before.closing !== null, "descriptor opened twice");
      operation.opened = new Descriptor(fd, operation.hasPlace);
      operation.take(fd);
      this.#descriptors.set(fd, operation.opened);
      this.counters.openDescriptors++;
    } else if (isOutOfDescriptors(cause) && this.#endOf(operation.owner) === null) {
      if (operation.closedBefore !== this.#descriptorsClosed) {
        // One was closed while this was under way, and found nobody waiting.
        this.#turns.unshift(operation);
        return;
      }
      if (this.counters.openDescriptors > 0) {
        this.#waitForClose(operation);
        return;
      }
    }
    this.#finish(operation, cause);
  }

  #waitForClose(operation: OpenOperation): void {
    this.counters.emfileWaits++;
    if (operation.hasWaited) this.#openWaiters.unshift(operation);
    else this.#openWaiters.push(operation);
    operation.hasWaited = true;
  }

  #forget(descriptor: Descriptor): void {
    if (this.#descriptors.get(descriptor.fd) === descriptor) this.#descriptors.delete(descriptor.fd);
    this.counters.openDescriptors--;
    this.#descriptorsClosed++;
    if (descriptor.isLimited) this.#placesTaken--;
    this.#wakeOpen();
  }

  #drop(takeNext: () => FileOperation | null): void {
    for (let operation = takeNext(); operation !== null; operation = takeNext()) {
      this.#finish(operation, this.#endOf(operation.owner));
    }
  }

  // The end of an operation that was let in; its outcome is delivered later.
  #finish(operation: FileOperation, cause: Error | null): void {
    operation.cause = cause;
    if (operation.isSubmitted) this.#answersWaiting++;
    const { descriptor } = operation;
    if (operation instanceof OpenOperation && operation.opened === null) {
      if (operation.hasPlace) this.#placesTaken--;
      this.#wakeOpen();
    } else if (descriptor !== null && descriptor.closing !== operation) {
      descriptor.pending--;
      if (descriptor.pending === 0 && descriptor.closing !== null) this.#cleanups.push(descriptor.closing);
    }
    this.putOutcome(operation);
  }

  // One throw ends the batch and goes to the cache's onFault; the item is in the cache again by then.
  #deliverSome(): void {
    this.counters.batches++;
    try {
      for (let n = 0; n < this.#completionsPerTurn; n++) {
        const operation = this.#outcomes.shift();
        if (operation === null) break;
        this.#deliver(operation);
      }
    } finally {
      if (this.#outcomes.count > 0) this.#events.put(this.#item, EventClass.Data);
      this.#pump();
      this.#resolveWhenEmpty();
    }
  }

  #deliver(operation: FileOperation): void {
    if (operation.isSubmitted) this.#answersWaiting--;
    if (operation.isAdmitted) this.#unsettled--;
    this.counters.delivered++;
    const { owner } = operation;
    const opened = operation instanceof OpenOperation ? operation.opened : null;
    // What came in flight for a call that has ended, or a file for a queue that has: nobody is there to use it.
    const isLate = opened !== null || (owner !== null && this.#endedOwners.has(owner));
    const end = isLate ? this.#endOf(owner) : null;
    if (end !== null) {
      operation.cause = end;
      if (opened !== null && opened.closing === null) this.#closeWhenIdle(closeOf(opened, ignore));
    }
    operation.deliver();
  }

  #resolveWhenEmpty(): void {
    if (this.#unsettled === 0) this.#resolveClosing?.();
  }
}

class OutcomeItem extends EventItem {
  readonly #run: () => void;

  constructor(run: () => void) {
    super();
    this.#run = run;
  }

  runEvent(): void {
    this.#run();
  }
}

// EMFILE: of this process; ENFILE: of the whole system.
function isOutOfDescriptors(cause: NodeJS.ErrnoException): boolean {
  return cause.code === "EMFILE" || cause.code === "ENFILE";
}

function ignore(): void {
  // Nobody waits for this close.
}
