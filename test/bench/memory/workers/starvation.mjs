// Takes every packet buffer away, and looks at how the calls end that wait for one.
import { service } from "../../../../dist/index.js";
import { pause } from "./payload.mjs";
import { STARVED_READER_ID, STARVED_WRITER_ID } from "./service-ids.mjs";

const REPLY_BYTES = 256 * 1024;
// The client's next packets find no buffer, and its call waits as well: the request goes on at twice the hold.
const LOOK_AFTER_MS = 500;

export class Starvation {
  #socket;
  #deadlineMs;
  /** @type {(() => void) | undefined} */
  #release;
  #isHeld = new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
    this.#release = resolve;
  });
  #running = 0;
  /** @type {{ lateMs: number, code: string }[]} */
  #ends = [];

  /**
   * @param {import("../../../../dist/node/rx-socket.js").RxSocket} socket
   * @param {number} deadlineMs
   */
  constructor(socket, deadlineMs) {
    this.#socket = socket;
    this.#deadlineMs = deadlineMs;
  }

  get services() {
    return [
      service({
        id: STARVED_WRITER_ID,
        deadlineMs: this.#deadlineMs,
        call: (call) =>
          this.#noteEnd(async () => {
            await call.readAll();
            await this.#isHeld;
            await call.write(new Uint8Array(REPLY_BYTES));
          }),
      }),
      service({
        id: STARVED_READER_ID,
        deadlineMs: this.#deadlineMs,
        call: (call) =>
          this.#noteEnd(async () => {
            await call.read(4);
            await this.#isHeld;
            await call.readAll();
          }),
      }),
    ];
  }

  /** @param {number} holdMs how long the handlers are given to begin */
  async run(holdMs) {
    const { buffers } = this.#socket.endpoint.local;
    const end = performance.now() + 10_000;
    while (this.#running < 2 && performance.now() < end) await pause(10);
    await pause(holdMs);
    const held = [];
    for (let buffer = buffers.take(); buffer >= 0; buffer = buffers.take()) held.push(buffer);
    const take = buffers.take.bind(buffers);
    let taken = 0;
    /** @type {typeof buffers.take} */
    buffers.take = (bufferClass) => {
      const buffer = take(bufferClass);
      if (buffer >= 0) taken++;
      return buffer;
    };
    const { handedOver } = buffers.waiters;
    this.#release?.();
    await pause(LOOK_AFTER_MS);
    const waiting = { waiters: buffers.waiters.count, freeWhileWaiting: buffers.free };
    while (this.#ends.length < 2 && performance.now() < end) await pause(5);
    taken += buffers.waiters.handedOver - handedOver;
    buffers.take = take;
    for (const buffer of held) buffers.give(buffer);
    const settled = performance.now() + 2_000;
    while (buffers.used > 0 && performance.now() < settled) await pause(10);
    const ends = this.#ends;
    return {
      ...waiting,
      taken,
      usedAtEnd: buffers.used,
      lateMs: ends.map((one) => one.lateMs),
      codes: ends.map((one) => one.code),
    };
  }

  /** @param {() => Promise<void>} work */
  async #noteEnd(work) {
    this.#running++;
    // The deadline is counted from the core's time, which stands still during a step of the loop.
    const { clock } = this.#socket.endpoint.local;
    const begunUs = clock[0];
    let code = "ended well";
    try {
      await work();
    } catch (cause) {
      code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
      throw cause;
    } finally {
      this.#socket.advance();
      this.#ends.push({ lateMs: (clock[0] - begunUs) / 1000 - this.#deadlineMs, code });
    }
  }
}
