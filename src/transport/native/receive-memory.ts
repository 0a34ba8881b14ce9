// The memory that batches are received into. A batch is handed on and done with before anything else can run, so that all
// sockets of one thread share it.
import { Entry, ERRORS_MAX, ErrorEntry, QUOTE_BYTES, RECEIVE_MAX, SLOT_BYTES } from "./binding.js";

// What an Ethernet frame brings over IPv4. Shorter than a packet buffer of the core, which so copies it as a whole.
const SHORT_BYTES = 1_472;

export class ReceiveMemory {
  /** 2 MiB of addresses; a page of it takes memory once a datagram has reached that far. */
  readonly bytes = Buffer.from(new ArrayBuffer(RECEIVE_MAX * SLOT_BYTES));
  readonly entries = new Int32Array(RECEIVE_MAX * Entry.Count);
  readonly quotes = Buffer.from(new ArrayBuffer(ERRORS_MAX * QUOTE_BYTES));
  readonly errors = new Int32Array(ERRORS_MAX * ErrorEntry.Count);
  readonly #short: readonly Uint8Array[] = this.#views(SHORT_BYTES);
  readonly #long: readonly Uint8Array[] = this.#views(SLOT_BYTES);
  readonly #quotes = Array.from({ length: ERRORS_MAX }, (_, i) =>
    this.quotes.subarray(i * QUOTE_BYTES, (i + 1) * QUOTE_BYTES),
  );

  /** The bytes of datagram `i`, with more behind them: no view is made for each datagram. */
  view(i: number, length: number): Uint8Array {
    return (length <= SHORT_BYTES ? this.#short[i] : this.#long[i]) as Uint8Array;
  }

  /** The beginning of what error `i` is about. */
  quote(i: number): Uint8Array {
    return this.#quotes[i] as Uint8Array;
  }

  #views(length: number): Uint8Array[] {
    return Array.from({ length: RECEIVE_MAX }, (_, i) =>
      this.bytes.subarray(i * SLOT_BYTES, i * SLOT_BYTES + length),
    );
  }
}
