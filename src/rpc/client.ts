// Calls to one service of one peer: connections are opened as parallel calls want them, four calls on each, and used again.
import { CallHandle } from "../core/call-handle.js";
import type { Bundle } from "../core/conn-client.js";
import type { Endpoint } from "../core/endpoint.js";
import type { Address } from "../util/address.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { integerOption } from "../util/options.js";
import { CallStream } from "./call-stream.js";
import { type CallOptions, ClientCall, checkCallOptions } from "./client-call.js";
import type { RpcContext } from "./rpc-context.js";
import { UnaryCall } from "./unary-call.js";

export interface ClientOptions {
  /** Service id on the wire. */
  readonly serviceId: number;
  /** Security class, by its number. Default 0: null. */
  readonly securityIndex?: number;
  /** Connections to open at most; more parallel calls than four times that wait. Default 64. */
  readonly connectionsMax?: number;
  /** Asks the server for the better service that it may offer under another id (rx-behaviour.md section 14). Default false. */
  readonly upgrade?: boolean;
}

const UNARY_REPLY_MAX = 16 * 1024 * 1024;
const UNARY_DEADLINE_US = 60_000_000;
const NO_OPTIONS: CallOptions = {};
const OUT_OF_USE = { handleCallEvents: () => undefined };

export class RxConnection {
  readonly #context: RpcContext;
  readonly #bundle: Bundle;
  readonly #onClose: (() => void) | undefined;
  #isClosed = false;

  /** @internal */
  constructor(context: RpcContext, remote: Address, options: ClientOptions, onClose?: () => void) {
    if (options.upgrade !== undefined && typeof options.upgrade !== "boolean") {
      throw new RxOptionError("upgrade", "a boolean", options.upgrade);
    }
    const { clientConnectionsMax } = context.endpoint.config;
    this.#context = context;
    this.#onClose = onClose;
    this.#bundle = context.endpoint.openBundle({
      remote,
      serviceId: options.serviceId,
      securityIndex: options.securityIndex ?? 0,
      connectionsMax: integerOption(
        "connectionsMax",
        options.connectionsMax,
        clientConnectionsMax,
        1,
        16_384,
      ),
      wantsUpgrade: options.upgrade ?? false,
    });
  }

  /** The peer as `address:port`. */
  get remote(): string {
    return this.#bundle.options.remote.toString();
  }

  /** Calls that wait for a channel. */
  get waiting(): number {
    return this.#bundle.waiting.count;
  }

  /**
   * One request, one reply. BUSY is not an error: the request is sent again until it is taken or the deadline passes.
   *
   * @returns the reply's bytes, the caller's own
   * @throws RxError RX_ERR_CALL_ABORTED with the peer's code, RX_ERR_CALL_TIMEOUT, RX_ERR_CALL_CANCELLED, RX_ERR_NETWORK,
   *   RX_ERR_TOO_LARGE when the reply passes `maxReplyBytes`, RX_ERR_LIMIT, RX_ERR_SOCKET_CLOSED; RxOptionError
   */
  call(request: Uint8Array, options: CallOptions = NO_OPTIONS): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (!(request instanceof Uint8Array)) throw new RxOptionError("request", "a Uint8Array", request);
      if (options !== NO_OPTIONS) checkCallOptions(options);
      const { signal, deadlineMs } = options;
      if (signal?.aborted === true) {
        throw new RxError("RX_ERR_CALL_CANCELLED", "the call was cancelled by its signal", {
          cause: signal.reason,
        });
      }
      const handle = this.#begin();
      if (deadlineMs !== 0)
        handle.limitTime(deadlineMs === undefined ? UNARY_DEADLINE_US : deadlineMs * 1_000);
      handle.limitInput(options.maxReplyBytes ?? UNARY_REPLY_MAX);
      // It lives on as the listener of its handle.
      void new UnaryCall(handle, request, signal, resolve, reject);
    });
  }

  /** Begins a call whose request and reply are streams. Close it when you are done: `await using`. @throws as call() */
  open(options: CallOptions = NO_OPTIONS): ClientCall {
    checkCallOptions(options);
    return new ClientCall(this.#begin(), this.#context, options);
  }

  /** Takes no further calls. Those under way go on; those that wait for a channel end with RX_ERR_SOCKET_CLOSED. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#context.endpoint.closeBundle(this.#bundle);
    this.#onClose?.();
  }

  #begin(): ReturnType<RpcContext["endpoint"]["beginCall"]> {
    if (this.#isClosed) throw new RxError("RX_ERR_SOCKET_CLOSED", "the connection is closed");
    this.#context.advance();
    return this.#context.endpoint.beginCall(this.#bundle, OUT_OF_USE);
  }
}

/**
 * Gives every live call of an endpoint its reason, before whoever closes the socket ends it with `abortCode`: the code alone
 * looks like a peer that has fallen silent.
 */
export function noteSocketClosed(endpoint: Endpoint, abortCode: number): void {
  for (const { isLive, owner } of endpoint.local.calls.all) {
    if (!isLive || !(owner instanceof CallHandle)) continue;
    const { listener } = owner;
    if (listener instanceof UnaryCall || listener instanceof CallStream) {
      listener.giveUp(
        new RxError("RX_ERR_SOCKET_CLOSED", "the socket was closed while the call was under way", {
          abortCode,
        }),
      );
    }
  }
}
