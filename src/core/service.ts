// A service of the endpoint: its backlog, its style, and what is said to calls that cannot be taken.
import { AssertionError } from "../util/assert.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { AbortCode } from "../wire/abort.js";
import { Backlog } from "./backlog.js";
import { CallHandle, type CallListener } from "./call-handle.js";
import { type Call, CallEvent } from "./call-object.js";
import { BACKLOG_MAX } from "./config.js";
import type { Local } from "./local.js";

/** Kernel style charges by hand and needs no accept step; user style is charged to the brim and answers each call. */
export const ServiceStyle = { Kernel: "kernel", User: "user" } as const;
export type ServiceStyle = (typeof ServiceStyle)[keyof typeof ServiceStyle];

/** What a new call is told when the rings are empty. */
export type RefusalPolicy =
  | { readonly kind: "busy" }
  | { readonly kind: "abort"; readonly code: number }
  | { readonly kind: "drop" };

export const ServiceState = { Bound: 0, Listening: 1, Stopped: 2, Closed: 3 } as const;
export type ServiceState = (typeof ServiceState)[keyof typeof ServiceState];

/** Told of a service's calls from the event cache's drain; onDiscardCall from within listen(0) and close(). */
export interface ServiceNotifier {
  /** A call is live. User-style calls without an id wait for accept() or reject(). */
  onNewCall(handle: CallHandle): void;
  /** A charged call is given up unused. */
  onDiscardCall(handle: CallHandle): void;
  /** A charge that failed with RX_ERR_LIMIT may succeed now. */
  onRoom?(): void;
}

export interface ServiceCounters {
  accepted: number;
  busy: number;
  aborted: number;
  dropped: number;
  charged: number;
  discarded: number;
}

export interface ServiceSettings {
  readonly serviceId: number;
  readonly style: ServiceStyle;
  readonly policy: RefusalPolicy;
  /** Service calls of this service that one address may have alive. */
  readonly callsPerPeerMax: number;
  /** A request with more bytes is aborted. */
  readonly requestMaxBytes: number;
  /** The service id that a client's upgrade request is answered with, or 0. */
  readonly upgradeTo: number;
}

export class Service implements CallListener {
  readonly serviceId: number;
  readonly style: ServiceStyle;
  readonly policy: RefusalPolicy;
  readonly callsPerPeerMax: number;
  readonly requestMaxBytes: number;
  readonly upgradeTo: number;
  readonly backlog: Backlog;
  readonly counters: ServiceCounters = {
    accepted: 0,
    busy: 0,
    aborted: 0,
    dropped: 0,
    charged: 0,
    discarded: 0,
  };
  state: ServiceState = ServiceState.Bound;
  /** Spare and waiting calls together never exceed this. */
  limit = 0;
  /** Calls that have come and are neither accepted nor rejected. */
  waiting = 0;
  notifier: ServiceNotifier | null;
  readonly #local: Local;

  constructor(local: Local, settings: ServiceSettings, notifier: ServiceNotifier | null) {
    this.#local = local;
    this.serviceId = settings.serviceId;
    this.style = settings.style;
    this.policy = settings.policy;
    this.callsPerPeerMax = settings.callsPerPeerMax;
    this.requestMaxBytes = settings.requestMaxBytes;
    this.upgradeTo = settings.upgradeTo;
    this.notifier = notifier;
    this.backlog = new Backlog(local);
  }

  /** Places for further charges. */
  get room(): number {
    return this.state === ServiceState.Listening ? this.limit - this.backlog.calls - this.waiting : 0;
  }

  /**
   * Opens the service with rings of `backlog` places, or stops it with 0: the rings are discarded, calls under way go on.
   * User-style services are charged to the brim.
   *
   * @throws RxOptionError for anything but an integer from 0 to 32
   * @throws RxError RX_ERR_LISTENING, RX_ERR_SERVICE_CLOSED, RX_ERR_NOTIFIER_MISSING
   */
  listen(backlog: number): void {
    if (!Number.isInteger(backlog) || backlog < 0 || backlog > BACKLOG_MAX) {
      throw new RxOptionError("backlog", `an integer from 0 to ${BACKLOG_MAX}`, backlog);
    }
    this.#refuseClosed();
    if (backlog === 0) {
      this.#stop(ServiceState.Stopped);
      return;
    }
    if (this.state === ServiceState.Listening) {
      throw new RxError(
        "RX_ERR_LISTENING",
        `service ${this.serviceId} listens with a backlog of ${this.limit}, not opened with ${backlog}`,
      );
    }
    if (this.notifier === null) {
      throw new RxError(
        "RX_ERR_NOTIFIER_MISSING",
        `service ${this.serviceId} has no onNewCall or no onDiscardCall`,
      );
    }
    this.state = ServiceState.Listening;
    this.limit = backlog;
    if (this.style === ServiceStyle.User) this.recharge();
  }

  /**
   * Charges one call that will go live under `userId`. `attach` is called with its handle at once and only records it.
   *
   * @throws RxError RX_ERR_BACKLOG_FULL, RX_ERR_CALL_ID_IN_USE, RX_ERR_NOT_LISTENING, RX_ERR_SERVICE_CLOSED, RX_ERR_LIMIT;
   *   nothing is changed then
   */
  chargeAccept(userId: bigint, attach: ((handle: CallHandle, userId: bigint) => void) | null): CallHandle {
    this.#refuseClosed();
    if (this.state !== ServiceState.Listening) {
      throw new RxError(
        "RX_ERR_NOT_LISTENING",
        `service ${this.serviceId} is not listening, user id ${userId} not charged`,
      );
    }
    this.#refuseUsedId(userId);
    const handle = this.room > 0 ? this.#charge(userId) : this.#name(userId);
    if (handle === null) throw this.room > 0 ? this.#limitError() : this.#fullError();
    if (attach !== null) this.#attach(handle, userId, attach);
    return handle;
  }

  /**
   * Takes back the unused charge `userId`.
   * @throws RxError RX_ERR_CALL_ID_UNKNOWN when it is none, or has gone live
   */
  discharge(userId: bigint): void {
    if (!this.#takeBack(userId)) {
      throw new RxError("RX_ERR_CALL_ID_UNKNOWN", `service ${this.serviceId} has no unused charge ${userId}`);
    }
  }

  /**
   * Accepts a waiting user-style call under `userId`.
   * @throws RxError RX_ERR_CALL_ID_IN_USE (nothing is changed), RX_ERR_CALL_STATE when it is not waiting, or how it ended
   */
  accept(handle: CallHandle, userId: bigint): void {
    this.#refuseUsedId(userId);
    const call = this.#waitingCall(handle);
    handle.userId = userId;
    this.#local.userIds.add(userId);
    this.#answered(call);
  }

  /** Rejects a waiting user-style call with an ABORT. @throws as accept() */
  reject(handle: CallHandle, abortCode: number): void {
    if (!Number.isInteger(abortCode) || abortCode === 0 || abortCode !== (abortCode | 0)) {
      throw new RxOptionError("abortCode", "a 32-bit integer other than 0", abortCode);
    }
    const call = this.#waitingCall(handle);
    handle.listener = null;
    handle.abort(abortCode);
    this.#answered(call);
    handle.release();
  }

  /** Stops for good. Calls under way go on; charges are refused from here. */
  close(): void {
    if (this.state === ServiceState.Closed) return;
    this.#stop(ServiceState.Closed);
  }

  /** Spare objects have come back: a user-style service is filled up to its limit, a kernel-style one is told. */
  noteRoom(): void {
    if (this.room <= 0) return;
    if (this.style === ServiceStyle.User) this.recharge();
    else this.notifier?.onRoom?.();
  }

  /** Fills the rings of a user-style service up to its limit. */
  recharge(): void {
    if (this.style !== ServiceStyle.User) return;
    while (this.room > 0) if (this.#charge(null) === null) return;
  }

  /** A charged call has been matched with a packet: it counts as waiting if nobody has given it an id. */
  noteTaken(call: Call): void {
    this.counters.accepted++;
    if (handleOf(call).userId !== null) return;
    call.isWaiting = true;
    this.waiting++;
  }

  noteAbandoned(): void {
    this.waiting--;
    this.recharge();
  }

  /** Called from the event cache for calls that nobody else listens to yet. */
  handleCallEvents(handle: CallHandle, events: number): void {
    if ((events & CallEvent.NewCall) !== 0) this.#announce(handle, events);
    if ((events & CallEvent.Ended) !== 0) this.#endedWaiting(handle, events);
    else if (handle.listener !== this && (events & ~CallEvent.NewCall) !== 0) this.#passOn(handle, events);
  }

  // Whoever has let go of a call in onNewCall hears no more of it.
  #passOn(handle: CallHandle, events: number): void {
    if (!handle.isReleased) handle.listener?.handleCallEvents(handle, events & ~CallEvent.NewCall);
  }

  // A notifier that throws has not taken the call, and nobody else will: it ends here.
  #announce(handle: CallHandle, events: number): void {
    try {
      this.notifier?.onNewCall(handle);
    } catch (cause) {
      handle.abort(AbortCode.RX_USER_ABORT);
      if ((events & CallEvent.Ended) !== 0) this.#endedWaiting(handle, events);
      throw cause;
    }
  }

  // A call that ends before it is answered frees its place by itself.
  #endedWaiting(handle: CallHandle, events: number): void {
    const call = handle.call;
    if (call?.isWaiting === true) {
      this.#answered(call);
      handle.release();
    } else if (handle.listener === this) {
      handle.release();
    } else {
      this.#passOn(handle, events);
    }
  }

  #charge(userId: bigint | null): CallHandle | null {
    const call = this.backlog.charge();
    if (call === null) {
      this.#local.isUndercharged = true;
      return null;
    }
    const handle = new CallHandle(this.#local, call, this);
    if (userId !== null) {
      handle.userId = userId;
      this.#local.userIds.add(userId);
    }
    this.counters.charged++;
    return handle;
  }

  // The user's callback may throw: the charge is undone then, and the error is theirs.
  #attach(handle: CallHandle, userId: bigint, attach: (handle: CallHandle, userId: bigint) => void): void {
    try {
      attach(handle, userId);
    } catch (cause) {
      this.#takeBack(userId);
      throw cause;
    }
  }

  #takeBack(userId: bigint): boolean {
    for (let i = 0; i < this.backlog.calls; i++) {
      const call = this.backlog.callAt(i);
      if (handleOf(call).userId !== userId) continue;
      handleOf(call).forsake();
      this.backlog.discharge(call);
      // A user-style service is always full; one without an id takes the place.
      this.recharge();
      return true;
    }
    return false;
  }

  // A user-style service was filled with calls without an id: the oldest of them gets this one. Null when all have one.
  #name(userId: bigint): CallHandle | null {
    for (let i = 0; i < this.backlog.calls; i++) {
      const handle = handleOf(this.backlog.callAt(i));
      if (handle.userId !== null) continue;
      handle.userId = userId;
      this.#local.userIds.add(userId);
      return handle;
    }
    return null;
  }

  #answered(call: Call): void {
    call.isWaiting = false;
    this.waiting--;
    this.recharge();
  }

  #waitingCall(handle: CallHandle): Call {
    if (this.style !== ServiceStyle.User) {
      throw new RxError(
        "RX_ERR_WRONG_STYLE",
        `service ${this.serviceId} is kernel style: its calls need no accept`,
      );
    }
    const call = handle.call;
    if (call === null || handle.isEnded) {
      const abortCode = handle.abortCode === 0 ? call?.abortCode : handle.abortCode;
      throw new RxError(
        "RX_ERR_CALL_ENDED",
        "the call ended before it was answered",
        abortCode ? { abortCode } : {},
      );
    }
    if (!call.isWaiting)
      throw new RxError("RX_ERR_CALL_STATE", "the call does not wait for accept or reject");
    return call;
  }

  #stop(state: ServiceState): void {
    this.state = state;
    this.limit = 0;
    // One at a time, so that a notifier that takes back a charge itself finds the rings in order.
    while (this.backlog.calls > 0) {
      const handle = handleOf(this.backlog.callAt(0));
      this.counters.discarded++;
      this.backlog.discardCall();
      if (handle.userId !== null) this.#discardNotice(handle);
      handle.forsake();
    }
    this.backlog.discardRest();
  }

  #discardNotice(handle: CallHandle): void {
    try {
      this.notifier?.onDiscardCall(handle);
    } catch (cause) {
      if (cause instanceof AssertionError) throw cause;
      // A notifier that throws must not keep the other objects from being returned.
      this.#local.countNotifierFault();
    }
  }

  #refuseClosed(): void {
    if (this.state === ServiceState.Closed) {
      throw new RxError("RX_ERR_SERVICE_CLOSED", `service ${this.serviceId} has been closed`);
    }
  }

  #refuseUsedId(userId: bigint): void {
    if (typeof userId !== "bigint") throw new RxOptionError("userId", "a bigint", userId);
    if (this.#local.userIds.has(userId)) {
      throw new RxError("RX_ERR_CALL_ID_IN_USE", `user id ${userId} belongs to another call of this socket`);
    }
  }

  #fullError(): RxError {
    return new RxError(
      "RX_ERR_BACKLOG_FULL",
      `service ${this.serviceId} holds ${this.backlog.calls} spare and ${this.waiting} waiting calls of ${this.limit}`,
    );
  }

  #limitError(): RxError {
    const { calls, peers, connections } = this.#local;
    return new RxError(
      "RX_ERR_LIMIT",
      `no spare objects: ${calls.used} of ${calls.capacity} calls, ${connections.pool.used} of ${connections.pool.capacity} connections, ` +
        `${peers.pool.used} of ${peers.pool.capacity} peers in use`,
    );
  }
}

/** The code for what cannot be taken for good. */
export function closedCode(local: Local): number {
  return local.isDraining ? AbortCode.RX_RESTARTING : AbortCode.RX_INVALID_OPERATION;
}

function handleOf(call: Call): CallHandle {
  return call.owner as CallHandle;
}
