// Runs a service's handlers: charges the backlog, starts a handler for each new call, ends the call by what it does.
import type { CallHandle, CallListener } from "../core/call-handle.js";
import { CallEvent } from "../core/call-object.js";
import { type Service, ServiceStyle } from "../core/service.js";
import { AssertionError } from "../util/assert.js";
import { RxError } from "../util/errors.js";
import { abortCodeFor } from "./call-error.js";
import type { RpcContext } from "./rpc-context.js";
import { ServerCall } from "./server-call.js";
import type { ServiceDefinition } from "./service-definition.js";

export interface DispatcherCounters {
  started: number;
  succeeded: number;
  failed: number;
}

/**
 * Recharging is what admits: charged calls never exceed what the handlers that run leave of `concurrency`. A call's slot is
 * taken until its handler has ended, whatever has become of the call.
 */
export class Dispatcher implements CallListener {
  readonly definition: ServiceDefinition;
  readonly counters: DispatcherCounters = { started: 0, succeeded: 0, failed: 0 };
  readonly service: Service;
  readonly #context: RpcContext;
  readonly #backlog: number;
  #running = 0;
  /** Calls that hold a slot and have no handler yet: the spare ones, and those that a packet has taken since the last drain. */
  #charged = 0;
  readonly #attach = (handle: CallHandle): void => {
    handle.listener = this;
    this.#charged++;
  };

  constructor(context: RpcContext, definition: ServiceDefinition, backlog: number) {
    this.#context = context;
    this.definition = definition;
    this.#backlog = definition.backlog ?? backlog;
    this.service = context.endpoint.addService(
      {
        serviceId: definition.id,
        style: ServiceStyle.Kernel,
        policy: definition.refusal,
        callsPerPeerMax: definition.callsPerPeerMax ?? context.endpoint.config.callsPerPeerMax,
        requestMaxBytes: definition.maxRequestBytes,
        upgradeTo: definition.upgradeTo,
      },
      {
        onNewCall: (handle) => this.#begin(handle),
        onDiscardCall: () => {
          this.#charged--;
        },
        onRoom: () => this.#topUp(),
      },
    );
  }

  /** Handlers that run now. */
  get running(): number {
    return this.#running;
  }

  listen(): void {
    this.service.listen(this.#backlog);
    this.#topUp();
  }

  /** Takes no new calls; handlers that run go on. */
  stop(): void {
    this.#context.endpoint.removeService(this.service);
  }

  /** The first news of a charged call: it begins, or it has ended before it could. */
  handleCallEvents(handle: CallHandle, events: number): void {
    if ((events & (CallEvent.NewCall | CallEvent.Ended)) === 0) return;
    this.#charged--;
    handle.listener = this.service;
    this.service.handleCallEvents(handle, events);
  }

  #topUp(): void {
    const { service } = this;
    let wanted = Math.min(service.room, this.definition.concurrency - this.#running - this.#charged);
    while (wanted-- > 0) {
      try {
        service.chargeAccept(this.#context.nextUserId(), this.#attach);
      } catch (cause) {
        // The endpoint's tables are full of other calls; onRoom comes when one has ended.
        if (cause instanceof RxError && cause.code === "RX_ERR_LIMIT") return;
        throw cause;
      }
    }
  }

  #begin(handle: CallHandle): void {
    const { definition } = this;
    const call = new ServerCall(handle, this.#context, definition.maxReplyBytes);
    if (definition.deadlineMs > 0) handle.limitTime(definition.deadlineMs * 1_000);
    this.#running++;
    this.counters.started++;
    this.#topUp();
    let outcome: ReturnType<ServiceDefinition["call"]>;
    try {
      outcome = definition.call(call);
    } catch (cause) {
      this.#fail(call, cause);
      return;
    }
    if (outcome instanceof Promise) {
      outcome.then(
        (value) => this.#succeed(call, value),
        (cause: unknown) => this.#fail(call, cause),
      );
    } else {
      this.#succeed(call, outcome);
    }
  }

  #succeed(call: ServerCall, value: unknown): void {
    if (value === undefined) {
      call.finish();
      this.#release(true);
    } else if (value instanceof Uint8Array) {
      call.write(value).then(
        () => {
          call.finish();
          this.#release(true);
        },
        (cause: unknown) => this.#fail(call, cause),
      );
    } else {
      this.#fail(
        call,
        new TypeError(`the handler of ${this.definition.name} returned neither bytes nor nothing`),
      );
    }
  }

  // A broken invariant that a handler has run into is no fault of its own: thrown on, it ends the process.
  // The call may be over already: then the handler was told so by what it has thrown, and there is nobody to tell.
  #fail(call: ServerCall, cause: unknown): void {
    if (cause instanceof AssertionError) throw cause;
    const isOurs = cause instanceof RxError;
    if (!call.isEnded) {
      const code = abortCodeFor(cause);
      if (!isOurs) this.#context.reportFault(cause, `handler of ${this.definition.name}`);
      this.#context.advance();
      call.abort(code);
    } else {
      if (!isOurs) this.#context.reportFault(cause, `handler of ${this.definition.name}`);
      call.finish();
    }
    this.#release(false);
  }

  #release(succeeded: boolean): void {
    this.#running--;
    if (succeeded) this.counters.succeeded++;
    else this.counters.failed++;
    this.#topUp();
  }
}
