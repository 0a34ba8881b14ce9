// What users hold of a call: a small object of their own, made when the call is charged or begun, and checked by generation,
// so that a late write to an ended call is an error to the writer and never reaches another call.
import { NO_BUFFER } from "../memory/buffer-pool.js";
import type { SharedChunk } from "../memory/shared-chunk.js";
import { RxError } from "../util/errors.js";
import { AckReason } from "../wire/ack.js";
import { waitForRoom } from "./call-buffers.js";
import {
  type Call,
  CallEvent,
  type CallOwner,
  CallState,
  Completion,
  connectionOf,
  Deadline,
  peerOf,
} from "./call-object.js";
import { abortCall, complete, enterSendReply, notify, release } from "./call-state.js";
import { ConnState } from "./conn-object.js";
import type { Local } from "./local.js";
import { proposeAck } from "./propose-ack.js";
import { noteProgress, setDeadline } from "./timers.js";

/** Told of a call's events from the event cache's drain. */
export interface CallListener {
  /** `events` are bits of CallEvent. */
  handleCallEvents(handle: CallHandle, events: number): void;
  /** The call that waited for accept or reject was let go without either. */
  noteAbandoned?(): void;
}

export class CallHandle implements CallOwner {
  /** Chosen by the service, or null for a client call and a user-style call that is not accepted yet. */
  userId: bigint | null = null;
  listener: CallListener | null;
  /** How the call ended; None while it has not. */
  completion: Completion = Completion.None;
  /** Code of the ABORT that ended it, sent or received; 0 = none. */
  abortCode = 0;
  readonly #local: Local;
  readonly #call: Call;
  readonly #generation: number;
  /** The first listener: the service of a service call. */
  readonly #origin: CallListener | null;
  #isReleased = false;

  constructor(local: Local, call: Call, listener: CallListener | null) {
    this.#local = local;
    this.#call = call;
    this.#generation = call.generation;
    this.listener = listener;
    this.#origin = listener;
    call.owner = this;
  }

  /** Called by the event cache. */
  handleCallEvents(events: number): void {
    if ((events & CallEvent.Ended) !== 0) {
      this.completion = this.#call.completion;
      this.abortCode = this.#call.abortCode;
    }
    if (this.listener !== null) this.listener.handleCallEvents(this, events);
    else if ((events & CallEvent.Ended) !== 0) this.release();
  }

  /** The call is over on the wire; what it received can still be read until release(). */
  get isEnded(): boolean {
    return (
      this.#isReleased ||
      this.#call.generation !== this.#generation ||
      this.#call.state === CallState.Complete
    );
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** The call behind this handle, for the core; null once it has been given up. */
  get call(): Call | null {
    return this.#isReleased || this.#call.generation !== this.#generation ? null : this.#call;
  }

  /** The peer's address and port as text, or "" before the call has a peer. */
  get remote(): string {
    const call = this.call;
    return call === null || call.connection === null ? "" : peerOf(call).address.toString();
  }

  /** The service the call is for, after an upgrade the better one. */
  get serviceId(): number {
    const call = this.call;
    if (call === null) return 0;
    return call.connection === null ? call.serviceId : call.connection.serviceId;
  }

  /** The userStatus byte of the newest DATA received. */
  get userStatus(): number {
    return this.call?.userStatus ?? 0;
  }

  /** Smoothed round trip to the peer in microseconds; 0 = not measured. */
  get rttUs(): number {
    const call = this.call;
    return call === null || call.connection === null ? 0 : peerOf(call).rtt.srttUs;
  }

  /** There are bytes to be taken now. */
  get hasInput(): boolean {
    const call = this.call;
    return call !== null && call.rx.peek() !== NO_BUFFER;
  }

  /** Everything the peer sent has been taken. */
  get isAtEnd(): boolean {
    const call = this.call;
    return call === null || call.rx.isDrained;
  }

  /**
   * The next unread bytes, borrowed: they are valid until consume() or release(). Null when there are none now.
   * May be called again without consuming.
   */
  borrow(): Uint8Array | null {
    const call = this.call;
    if (call === null) return null;
    const buffer = call.rx.peek();
    if (buffer === NO_BUFFER) return null;
    const pool = this.#local.buffers;
    const from = pool.offsetOf(buffer) + (pool.start[buffer] as number);
    return pool.bytes.subarray(from, from + (pool.length[buffer] as number));
  }

  /** Copies at most `length` unread bytes to `to[offset..]`. @returns how many there were. */
  readInto(to: Uint8Array, offset: number, length: number): number {
    const call = this.call;
    if (call === null) return 0;
    const { rx } = call;
    const pool = this.#local.buffers;
    let copied = 0;
    while (copied < length) {
      const buffer = rx.peek();
      if (buffer === NO_BUFFER) break;
      const part = Math.min(pool.length[buffer] as number, length - copied);
      const from = pool.offsetOf(buffer) + (pool.start[buffer] as number);
      if (part <= 32) for (let i = 0; i < part; i++) to[offset + copied + i] = pool.bytes[from + i] as number;
      else to.set(pool.bytes.subarray(from, from + part), offset + copied);
      rx.consume(buffer, part);
      copied += part;
    }
    if (copied > 0) this.#widenWindow(call);
    return copied;
  }

  /** Drops at most `length` unread bytes. @returns how many there were */
  skip(length: number): number {
    const call = this.call;
    if (call === null) return 0;
    const { rx } = call;
    const pool = this.#local.buffers;
    let skipped = 0;
    while (skipped < length) {
      const buffer = rx.peek();
      if (buffer === NO_BUFFER) break;
      const part = Math.min(pool.length[buffer] as number, length - skipped);
      rx.consume(buffer, part);
      skipped += part;
    }
    if (skipped > 0) this.#widenWindow(call);
    return skipped;
  }

  /** Gives back the first `length` bytes of what borrow() gave. */
  consume(length: number): void {
    const call = this.call;
    if (call === null) return;
    const buffer = call.rx.peek();
    if (buffer === NO_BUFFER) return;
    call.rx.consume(buffer, length);
    this.#widenWindow(call);
  }

  /** The reader wants no more of the peer's data: what is there and what comes is acknowledged and dropped. */
  discardInput(): void {
    const call = this.call;
    if (call === null) return;
    call.rx.isDiscarding = true;
    call.rx.skipInOrder();
    this.#widenWindow(call);
  }

  /** Bytes of data received so far. */
  get bytesReceived(): number {
    return this.call?.rx.bytesReceived ?? 0;
  }

  /** More than this in one direction from the peer ends the call with an ABORT. */
  limitInput(maxBytes: number): void {
    const call = this.call;
    if (call !== null) call.receiveMaxBytes = maxBytes;
  }

  /**
   * Queues bytes for the peer. @returns how many were taken; after fewer than `length` a Writable event follows when there
   * is room again.
   * @throws RxError RX_ERR_CALL_ENDED, RX_ERR_CALL_STATE after end()
   */
  write(from: Uint8Array, offset: number, length: number): number {
    const call = this.#writable();
    this.#noteFirstWork(call);
    const taken = call.tx.write(from, offset, length);
    if (taken < length) waitForRoom(this.#local, call);
    if (taken > 0) this.#outputReady(call);
    return taken;
  }

  /**
   * Queues chunk.bytes[offset, offset + length) as write() does, but without copying: the chunk is held until the peer has
   * acknowledged it for good, or the call ends. @throws as write()
   */
  lend(chunk: SharedChunk, offset: number, length: number): number {
    const call = this.#writable();
    this.#noteFirstWork(call);
    const taken = call.tx.lend(chunk, offset, length);
    if (taken < length) waitForRoom(this.#local, call);
    if (taken > 0) this.#outputReady(call);
    return taken;
  }

  /**
   * The data for the peer ends here. An empty request or reply is one empty packet.
   * @throws RxError RX_ERR_CALL_ENDED, RX_ERR_CALL_STATE when called twice
   */
  end(): void {
    const call = this.#writable();
    this.#noteFirstWork(call);
    call.tx.end();
    this.#outputReady(call);
  }

  /** end() has been called, or there is nothing left to end. */
  get isReplyEnded(): boolean {
    const call = this.call;
    return call === null || call.state === CallState.Complete || call.tx.lastSeq !== 0;
  }

  /** Tells the listener once more that there is something to read, in its turn of the event cache. */
  defer(): void {
    const call = this.call;
    if (call !== null) notify(this.#local, call, CallEvent.Readable);
  }

  /** Everything queued has been hard-acknowledged. */
  get isFlushed(): boolean {
    const call = this.call;
    return call === null || !call.tx.hasWork;
  }

  /** Ends the call with an ABORT. Does nothing when it has ended already. */
  abort(abortCode: number): void {
    const call = this.call;
    if (call === null || call.state === CallState.Complete) return;
    if (call.state === CallState.ServerPrealloc) return;
    abortCall(this.#local, call, abortCode);
  }

  /** Ends the call without a word to the peer: its deadline or its signal has spoken. */
  fail(completion: Completion, abortCode: number): void {
    const call = this.call;
    if (call !== null && call.isLive) complete(this.#local, call, completion, abortCode);
  }

  /** The call ends `delayUs` from now, whatever it is doing. */
  limitTime(delayUs: number): void {
    const call = this.call;
    if (call !== null && call.isLive) setDeadline(this.#local, call, Deadline.Hard, delayUs);
  }

  /**
   * Lets go: a live call is aborted, an ended one returns to its pool. The handle is dead afterwards. A call that is only
   * charged is not the owner's to let go: Service.discharge() takes it back.
   */
  release(abortCode = -1): void {
    const call = this.call;
    if (call === null || call.state === CallState.ServerPrealloc) return;
    if (this.userId !== null) this.#local.userIds.delete(this.userId);
    if (call.isLive) abortCall(this.#local, call, abortCode);
    this.completion = call.completion;
    this.abortCode = call.abortCode;
    this.#isReleased = true;
    const wasWaiting = call.isWaiting;
    release(this.#local, call);
    if (wasWaiting) this.#origin?.noteAbandoned?.();
  }

  /** Asks not to be told when the call succeeds: it then goes back by itself, and the handle is dead. */
  detach(): void {
    const call = this.call;
    if (call !== null) call.isDetached = true;
  }

  releaseDetached(): void {
    this.release();
  }

  /** For the core: the call behind goes back to its ring's pool without ever having lived. */
  forsake(): void {
    if (this.userId !== null) this.#local.userIds.delete(this.userId);
    this.#isReleased = true;
    this.listener = null;
  }

  #writable(): Call {
    const call = this.call;
    if (call === null || call.state === CallState.Complete) throw this.#endedError();
    if (call.tx.lastSeq !== 0)
      throw new RxError("RX_ERR_CALL_STATE", "the data of this call has ended already");
    if (call.state === CallState.ServerPrealloc)
      throw new RxError("RX_ERR_CALL_STATE", "the call is not live yet");
    return call;
  }

  #endedError(): RxError {
    const abortCode = this.#isReleased ? this.abortCode : this.#call.abortCode;
    return new RxError("RX_ERR_CALL_ENDED", "the call has ended", abortCode === 0 ? {} : { abortCode });
  }

  // A reply starts when the request is complete (Linux's client aborts an early one); until then it waits in its buffers.
  #outputReady(call: Call): void {
    if (call.state === CallState.ServerAckRequest && connectionOf(call).state === ConnState.Secure) {
      enterSendReply(this.#local, call);
    } else if (call.connection !== null) {
      this.#local.scheduleCall(call);
    }
  }

  // The peer's time to take what we write begins when there is something to take.
  #noteFirstWork(call: Call): void {
    if (!call.tx.hasWork) noteProgress(this.#local, call);
  }

  // Tells the peer when much more may be sent than the newest ACK said. Its time to send more begins here, too.
  #widenWindow(call: Call): void {
    const { rx } = call;
    noteProgress(this.#local, call);
    if (!call.isLive || rx.isComplete) return;
    if ((rx.room - rx.advertised) * 2 >= rx.window) proposeAck(this.#local, call, AckReason.Idle, 0);
  }
}
