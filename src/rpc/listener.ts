// The acceptance service as users program it themselves: kernel style with notifiers, user style with a loop of incoming calls.
import { CallHandle } from "../core/call-handle.js";
import { BACKLOG_MAX } from "../core/config.js";
import { closedCode, type Service, type ServiceCounters, ServiceStyle } from "../core/service.js";
import { AssertionError } from "../util/assert.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { functionOption, integerOption, knownOptions } from "../util/options.js";
import { AbortCode } from "../wire/abort.js";
import { abortCodeFor } from "./call-error.js";
import type { RpcContext } from "./rpc-context.js";
import { ServerCall } from "./server-call.js";
import { type Refusal, refusalPolicy, serviceIdOption } from "./service-definition.js";

/**
 * Told of a call of a kernel-style service. Must not wait. What it throws, or its promise rejects with, is reported as a
 * fault; the call of onNewCall is aborted then, with the `abortCode` of an RxError or RX_USER_ABORT.
 */
export type CallNotifier = (call: ServerCall, userId: bigint) => void;

export interface ListenerOptions {
  /** Service id on the wire, 1 to 65 535. */
  readonly id: number;
  /** Kernel style: a charged call is live. With this and onDiscardCall the service is kernel style, without both user style. */
  readonly onNewCall?: CallNotifier;
  /** Kernel style: a charged call is given up unused, because the service stops. */
  readonly onDiscardCall?: CallNotifier;
  /** Calls that one address may have alive. Default half of `callsMax`. */
  readonly callsPerPeerMax?: number;
  /** A longer request is aborted. Default 64 MiB. */
  readonly maxRequestBytes?: number;
  /** A longer reply is an error to its writer. Default 1 GiB. */
  readonly maxReplyBytes?: number;
  /** What calls are told that find the rings empty. Default "busy". */
  readonly refusal?: Refusal;
  /** Service id that a client's upgrade request is given instead of this one. Default none. */
  readonly upgradeTo?: number;
}

const OPTION_NAMES = [
  "id", "onNewCall", "onDiscardCall", "callsPerPeerMax", "maxRequestBytes", "maxReplyBytes", "refusal", "upgradeTo",
]; // biome-ignore format: a list of names

const MIB = 1024 * 1024;

/** A call of a user-style service that waits for its answer. */
export class IncomingCall {
  readonly #listener: Listener;
  readonly #call: ServerCall;
  readonly #handle: CallHandle;

  /** @internal */
  constructor(listener: Listener, call: ServerCall, handle: CallHandle) {
    this.#listener = listener;
    this.#call = call;
    this.#handle = handle;
  }

  get remote(): string {
    return this.#call.remote;
  }

  get serviceId(): number {
    return this.#call.serviceId;
  }

  /** Its client has given up: accept() would say how. */
  get isEnded(): boolean {
    return this.#call.isEnded;
  }

  /** The id it was charged under by hand, or null. With an id it is accepted already, and accept() only gives the call. */
  get userId(): bigint | null {
    return this.#call.userId;
  }

  /**
   * Takes the call under an id of yours; frees its place in the backlog.
   * @throws RxError RX_ERR_CALL_ID_IN_USE (nothing is changed), RX_ERR_CALL_ENDED with the abort code when its client gave
   *   up or the service has been closed
   */
  accept(userId: bigint | null = this.#call.userId): ServerCall {
    if (this.#call.userId !== null && this.#call.userId === userId) return this.#call;
    if (userId === null) throw new RxOptionError("userId", "a bigint", userId);
    this.#listener.context.advance();
    this.#listener.core.accept(this.#handle, userId);
    this.#handle.listener = this.#call;
    return this.#call;
  }

  /**
   * Ends the call with an ABORT; frees its place in the backlog.
   * @throws RxError RX_ERR_CALL_ENDED, RX_ERR_CALL_STATE when it has been answered
   */
  reject(abortCode: number = AbortCode.RX_USER_ABORT): void {
    this.#listener.context.advance();
    this.#listener.core.reject(this.#handle, abortCode);
  }

  /** Ends a call that was charged by hand, and so is accepted, and that nobody will be given. @internal */
  giveUp(abortCode: number): void {
    if (this.#call.userId !== null) this.#call.abort(abortCode);
  }
}

interface Taker {
  readonly resolve: (incoming: IncomingCall | null) => void;
  readonly reject: (cause: unknown) => void;
}

/** A service of an RxSocket. `listen(n)` opens it, `listen(0)` stops it. */
export class Listener implements AsyncIterable<IncomingCall> {
  /** @internal */
  readonly core: Service;
  /** @internal */
  readonly context: RpcContext;
  readonly #maxReplyBytes: number;
  readonly #onNewCall: CallNotifier | undefined;
  readonly #onDiscardCall: CallNotifier | undefined;
  /** Calls made at charge time, until they are live or given up. */
  readonly #charged = new Map<bigint, ServerCall>();
  readonly #incoming: IncomingCall[] = [];
  readonly #takers: Taker[] = [];
  readonly #onClose: (() => void) | undefined;
  #isClosed = false;
  #closeCode: number = AbortCode.RX_INVALID_OPERATION;

  /** @throws RxOptionError; RxError RX_ERR_SERVICE_IN_USE @internal */
  constructor(context: RpcContext, options: ListenerOptions, onClose?: () => void) {
    knownOptions("service", options, OPTION_NAMES);
    this.context = context;
    this.#onClose = onClose;
    this.#onNewCall = functionOption("onNewCall", options.onNewCall);
    this.#onDiscardCall = functionOption("onDiscardCall", options.onDiscardCall);
    this.#maxReplyBytes = integerOption("maxReplyBytes", options.maxReplyBytes, 1024 * MIB, 0);
    const isKernelStyle = options.onNewCall !== undefined || options.onDiscardCall !== undefined;
    const isComplete =
      !isKernelStyle || (options.onNewCall !== undefined && options.onDiscardCall !== undefined);
    this.core = context.endpoint.addService(
      {
        serviceId: serviceIdOption("id", options.id),
        style: isKernelStyle ? ServiceStyle.Kernel : ServiceStyle.User,
        policy: refusalPolicy(options.refusal ?? "busy"),
        callsPerPeerMax: integerOption(
          "callsPerPeerMax",
          options.callsPerPeerMax,
          context.endpoint.config.callsPerPeerMax,
          1,
          65_536,
        ),
        requestMaxBytes: integerOption("maxRequestBytes", options.maxRequestBytes, 64 * MIB, 0),
        upgradeTo: options.upgradeTo === undefined ? 0 : serviceIdOption("upgradeTo", options.upgradeTo),
      },
      isComplete
        ? { onNewCall: (handle) => this.#begin(handle), onDiscardCall: (handle) => this.#discard(handle) }
        : null,
    );
  }

  get id(): number {
    return this.core.serviceId;
  }

  /** Spare calls in the ring, calls that wait for their answer, and how many the two may be together. */
  get backlog(): { readonly spare: number; readonly waiting: number; readonly limit: number } {
    return { spare: this.core.backlog.calls, waiting: this.core.waiting, limit: this.core.limit };
  }

  get counters(): Readonly<ServiceCounters> {
    return this.core.counters;
  }

  /**
   * Opens the service with a backlog of 1 to 32, all of them usable; 0 stops it: spare calls are discarded, new ones get an
   * ABORT, those under way go on. So do those that wait for their answer: the loop over them runs on and may accept them.
   * It may be opened again.
   *
   * @throws RxOptionError (a RangeError) for anything but an integer from 0 to 32; RxError RX_ERR_LISTENING when it
   *   listens already, RX_ERR_SERVICE_CLOSED, RX_ERR_NOTIFIER_MISSING
   */
  listen(backlog: number): void {
    this.context.advance();
    this.core.listen(backlog);
  }

  /**
   * Charges one call that will go live under `userId`. `attach` runs at once and binds an object of yours to it.
   *
   * @throws RxError RX_ERR_BACKLOG_FULL, RX_ERR_CALL_ID_IN_USE, RX_ERR_NOT_LISTENING, RX_ERR_SERVICE_CLOSED, RX_ERR_LIMIT;
   *   nothing has changed then. What `attach` throws undoes the charge.
   */
  chargeAccept(userId: bigint, attach?: CallNotifier): void {
    functionOption("attach", attach);
    this.core.chargeAccept(userId, (handle) => {
      const call = new ServerCall(handle, this.context, this.#maxReplyBytes);
      // Until the call is live the service itself listens for it.
      handle.listener = this.core;
      if (attach !== undefined) this.#watch(attach(call, userId), "attach");
      this.#charged.set(userId, call);
    });
  }

  /** Takes back a charge that has not been used. @throws RxError RX_ERR_CALL_ID_UNKNOWN */
  discharge(userId: bigint): void {
    this.core.discharge(userId);
    this.#charged.delete(userId);
  }

  /** The next call of a user-style service; null when the service is closed. @throws the signal's reason */
  nextCall(options: { readonly signal?: AbortSignal } = {}): Promise<IncomingCall | null> {
    return new Promise((resolve, reject) => {
      const signal = signalOption(options);
      if (this.core.style !== ServiceStyle.User) {
        throw new RxError(
          "RX_ERR_WRONG_STYLE",
          `service ${this.id} is kernel style: its calls go to onNewCall`,
        );
      }
      if (signal?.aborted === true) throw asError(signal.reason);
      const ready = this.#incoming.shift();
      if (ready !== undefined || this.#isClosed) resolve(ready ?? null);
      else this.#queueTaker(resolve, reject, signal);
    });
  }

  async *[Symbol.asyncIterator](): AsyncIterator<IncomingCall, undefined> {
    for (;;) {
      const incoming = await this.nextCall();
      if (incoming === null) return undefined;
      yield incoming;
    }
  }

  /**
   * Closes the service for good: spare calls are discarded, loops over it end. Calls that have been accepted go on; those
   * that have not, which nobody could take any more, get an ABORT: RX_INVALID_OPERATION, or RX_RESTARTING while draining.
   */
  close(): void {
    this.closeWith(closedCode(this.context.endpoint.local));
  }

  /** Closes the service as close() does, telling calls that nobody has accepted `abortCode`. @internal */
  closeWith(abortCode: number): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closeCode = abortCode;
    this.context.advance();
    this.context.endpoint.removeService(this.core);
    this.#rejectWaiting(abortCode);
    for (const taker of this.#takers.splice(0)) taker.resolve(null);
    this.#onClose?.();
  }

  // The core knows of all that wait, those included that the loop was given and has not answered.
  #rejectWaiting(abortCode: number): void {
    for (const incoming of this.#incoming.splice(0)) incoming.giveUp(abortCode);
    for (const { isWaiting, owner } of this.context.endpoint.local.calls.all) {
      if (!isWaiting || !(owner instanceof CallHandle) || owner.listener !== this.core) continue;
      // One that its client has ended frees its place by itself.
      if (!owner.isEnded) this.core.reject(owner, abortCode);
    }
  }

  #queueTaker(
    resolve: (incoming: IncomingCall | null) => void,
    reject: (cause: unknown) => void,
    signal: AbortSignal | undefined,
  ): void {
    const onAbort = (): void => {
      const at = this.#takers.indexOf(taker);
      if (at >= 0) this.#takers.splice(at, 1);
      reject(asError(signal?.reason));
    };
    const taker: Taker = {
      resolve: (incoming) => {
        signal?.removeEventListener("abort", onAbort);
        resolve(incoming);
      },
      reject,
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#takers.push(taker);
  }

  #begin(handle: CallHandle): void {
    const { userId } = handle;
    const charged = userId === null ? undefined : this.#charged.get(userId);
    if (userId !== null) this.#charged.delete(userId);
    const call = charged ?? new ServerCall(handle, this.context, this.#maxReplyBytes);
    handle.listener = userId === null ? this.core : call;
    if (this.#onNewCall !== undefined && userId !== null) {
      this.#tellNewCall(this.#onNewCall, call, userId);
      return;
    }
    if (this.#isClosed) {
      // Charged by hand, and announced when the service was closed already. Those without an id have been rejected.
      if (userId !== null) call.abort(this.#closeCode);
      return;
    }
    const incoming = new IncomingCall(this, call, handle);
    const taker = this.#takers.shift();
    if (taker === undefined) this.#keep(incoming);
    else taker.resolve(incoming);
  }

  #tellNewCall(onNewCall: CallNotifier, call: ServerCall, userId: bigint): void {
    let outcome: unknown;
    try {
      outcome = onNewCall(call, userId);
    } catch (cause) {
      call.abort(abortCodeFor(cause));
      throw cause;
    }
    this.#watch(outcome, "onNewCall", call);
  }

  // Notifiers are not to wait, but an async function passes for one: what it rejects with must not end the process.
  #watch(outcome: unknown, name: string, call?: ServerCall): void {
    if (!(outcome instanceof Promise)) return;
    outcome.catch((cause: unknown) => {
      if (cause instanceof AssertionError) throw cause;
      // It was reading or writing when the call failed, and has passed on what it was told: a peer makes no faults here.
      const isNews = !(call?.isEnded === true && cause instanceof RxError);
      this.context.advance();
      call?.abort(abortCodeFor(cause));
      if (isNews) this.context.reportFault(cause, `${name} of service ${this.id}`);
    });
  }

  // Calls whose clients have given up while the loop was busy make room: a client could otherwise pile up entries for ever.
  #keep(incoming: IncomingCall): void {
    if (this.#incoming.length >= BACKLOG_MAX) {
      const waiting = this.#incoming.filter((each) => !each.isEnded);
      this.#incoming.splice(0, this.#incoming.length, ...waiting);
    }
    this.#incoming.push(incoming);
  }

  #discard(handle: CallHandle): void {
    const { userId } = handle;
    if (userId === null) return;
    const call = this.#charged.get(userId);
    this.#charged.delete(userId);
    if (call === undefined || this.#onDiscardCall === undefined) return;
    const name = "onDiscardCall";
    try {
      this.#watch(this.#onDiscardCall(call, userId), name);
    } catch (cause) {
      this.context.reportFault(cause, `${name} of service ${this.id}`);
      // The core counts it, and goes on with the next call.
      throw cause;
    }
  }
}

function signalOption(options: { readonly signal?: AbortSignal }): AbortSignal | undefined {
  knownOptions("options", options, ["signal"]);
  const { signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new RxOptionError("signal", "an AbortSignal", signal);
  }
  return signal;
}

function asError(reason: unknown): Error {
  return reason instanceof Error
    ? reason
    : new RxError("RX_ERR_CALL_CANCELLED", "cancelled by the signal", { cause: reason });
}
