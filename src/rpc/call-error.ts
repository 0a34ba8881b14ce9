// Between how calls end and what users catch: completions to errors, and what a handler throws to an abort code.
import { type CallHandle } from "../core/call-handle.js";
import { type Call, Completion } from "../core/call-object.js";
import { RxError, RxOptionError } from "../util/errors.js";
import { AbortCode, abortCodeName } from "../wire/abort.js";

/**
 * Thrown by a handler to end its call with an ABORT of a chosen code, and by nobody else.
 *
 * @example throw new RxAbort(110, "volume is busy");
 */
export class RxAbort extends RxError {
  /**
   * @param abortCode a 32-bit integer other than 0; positive codes belong to the service (rx-wire.md section 12)
   * @throws RxOptionError for any other code: no ABORT could carry it
   */
  constructor(abortCode: number, message = "the handler aborted the call") {
    if (!isAbortCode(abortCode)) {
      throw new RxOptionError("abortCode", "a 32-bit integer other than 0", abortCode);
    }
    super("RX_ERR_CALL_FAILED", message, { abortCode });
  }
}

/** The error that tells a user how a call ended. Succeeded calls have none: asking for one is asking for too much data. */
export function completionError(handle: CallHandle): RxError {
  const { completion, abortCode } = endOf(handle);
  const code = `${abortCode} ${abortCodeName(abortCode)}`;
  switch (completion) {
    case Completion.RemotelyAborted:
      return new RxError("RX_ERR_CALL_ABORTED", `the peer aborted the call with ${code}`, { abortCode });
    case Completion.NetworkError:
      return new RxError("RX_ERR_NETWORK", "the network reported that the peer cannot be reached", {
        abortCode,
      });
    case Completion.LocallyAborted:
    case Completion.LocalError:
      return limitError(handle.call, abortCode) ?? localError(handle.call, completion, abortCode);
    default:
      return new RxError("RX_ERR_CALL_ENDED", "the call has ended");
  }
}

// The peer has sent more than the call may take in.
function limitError(call: Call | null, abortCode: number): RxError | null {
  if (call === null || call.rx.bytesReceived <= call.receiveMaxBytes) return null;
  const code = call.isService ? AbortCode.RXGEN_SS_UNMARSHAL : AbortCode.RXGEN_CC_UNMARSHAL;
  if (abortCode !== code) return null;
  const option = call.isService ? "maxRequestBytes" : "maxReplyBytes";
  const { bytesReceived } = call.rx;
  return new RxError(
    "RX_ERR_TOO_LARGE",
    `${bytesReceived} bytes have come where ${call.receiveMaxBytes} are allowed (${option})`,
    { abortCode },
  );
}

function localError(call: Call | null, completion: Completion, abortCode: number): RxError {
  const code = `${abortCode} ${abortCodeName(abortCode)}`;
  const wasWaiting = call !== null && !call.isService && call.connection === null;
  // Only closing the connection ends a call so that has no channel yet: the peer cannot be dead to it.
  if (wasWaiting && completion === Completion.LocalError && abortCode === AbortCode.RX_CALL_DEAD) {
    return new RxError(
      "RX_ERR_SOCKET_CLOSED",
      "the connection was closed while the call waited for a channel",
      {
        abortCode,
      },
    );
  }
  if (abortCode === AbortCode.RX_CALL_TIMEOUT || abortCode === AbortCode.RX_CALL_DEAD) {
    return new RxError("RX_ERR_CALL_TIMEOUT", `the call was given up with ${code}`, { abortCode });
  }
  return new RxError("RX_ERR_CALL_FAILED", `the call was ended on this side with ${code}`, { abortCode });
}

function endOf(handle: CallHandle): { readonly completion: Completion; readonly abortCode: number } {
  const { call } = handle;
  return call === null ? handle : call;
}

/** The code for what a handler threw: its own where it has chosen a valid one, else RX_USER_ABORT. */
export function abortCodeFor(cause: unknown): number {
  const code = cause instanceof RxError ? cause.abortCode : undefined;
  return code !== undefined && isAbortCode(code) ? code : AbortCode.RX_USER_ABORT;
}

export function isAbortCode(code: number): boolean {
  return Number.isInteger(code) && code !== 0 && code === (code | 0);
}
