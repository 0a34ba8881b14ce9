// A stand-in for the addon: what the system takes, refuses and reports is as the test says.
import { readAddress, writeAddress } from "../../../../src/transport/native/address-words.js";
import {
  Entry,
  ErrorEntry,
  type NativeBinding,
  Open,
  PollEvent,
  QUOTE_BYTES,
  SendHead,
  SLOT_BYTES,
} from "../../../../src/transport/native/binding.js";
import { Address } from "../../../../src/util/address.js";

export interface Sent {
  readonly bytes: Uint8Array;
  readonly to: string;
}

export interface Reported {
  readonly errno: number;
  readonly origin: number;
  readonly type: number;
  readonly to: Address;
  readonly quote: Uint8Array;
}

export const LOCAL = Address.from("192.0.2.9", 7_009) as Address;

export class FakeBinding implements NativeBinding {
  readonly sourceHash = "";
  /** Taken by the "network", in order. */
  readonly sent: Sent[] = [];
  /** How many datagrams each send() had. */
  readonly batches: number[] = [];
  readonly watched: boolean[] = [];
  readonly incoming: { readonly bytes: Uint8Array; readonly from: Address }[] = [];
  readonly errors: Reported[] = [];
  settings = new Int32Array(0);
  /** Datagrams taken until the system takes no more. */
  takes = Number.POSITIVE_INFINITY;
  /** Datagrams of the next batch that are lost. */
  lost = 0;
  isRefused = false;
  receiveError = 0;
  openError = 0;
  isOpen = false;
  #callback: (events: number) => void = () => undefined;

  open(settings: Int32Array, callback: (events: number) => void): number {
    if (this.openError !== 0) return -this.openError;
    this.settings = settings.slice();
    writeAddress(settings, Open.Local, LOCAL);
    this.isOpen = true;
    this.#callback = callback;
    return 3;
  }

  close(): boolean {
    this.isOpen = false;
    return true;
  }

  watch(_id: number, wantsWritable: boolean): number {
    this.watched.push(wantsWritable);
    return 0;
  }

  receive(_id: number, memory: Uint8Array, entries: Int32Array): number {
    if (this.receiveError !== 0) return -this.receiveError;
    const batch = this.incoming.splice(0, 32);
    batch.forEach(({ bytes, from }, i) => {
      memory.set(bytes, i * SLOT_BYTES);
      entries[i * Entry.Count + Entry.Length] = bytes.length;
      writeAddress(entries, i * Entry.Count + Entry.Address, from);
    });
    return batch.length;
  }

  readErrors(_id: number, quotes: Uint8Array, entries: Int32Array): number {
    const batch = this.errors.splice(0, 32);
    batch.forEach(({ errno, origin, type, to, quote }, i) => {
      const at = i * ErrorEntry.Count;
      quotes.set(quote, i * QUOTE_BYTES);
      entries[at + ErrorEntry.Errno] = errno;
      entries[at + ErrorEntry.Origin] = origin | (type << 8);
      entries[at + ErrorEntry.Length] = quote.length;
      writeAddress(entries, at + ErrorEntry.Address, to);
    });
    return batch.length;
  }

  send(_id: number, bytes: Uint8Array, head: Int32Array, count: number): number {
    const settled = Math.min(count, this.takes);
    this.takes -= settled;
    this.batches.push(count);
    head[SendHead.Lost] = this.lost;
    head[SendHead.Refused] = this.isRefused ? 1 : 0;
    let offset = 0;
    for (let i = 0; i < settled; i++) {
      const entry = SendHead.Count + i * Entry.Count;
      const length = head[entry + Entry.Length] as number;
      const to = new Address();
      readAddress(head, entry + Entry.Address, to);
      if (i >= this.lost)
        this.sent.push({
          bytes: Uint8Array.from(bytes.subarray(offset, offset + length)),
          to: to.toString(),
        });
      offset += length;
    }
    this.lost = 0;
    return settled;
  }

  /** The socket has news. */
  poll(events: number = PollEvent.Readable): void {
    this.#callback(events);
  }

  deliver(text: string, from: Address): void {
    this.incoming.push({ bytes: new TextEncoder().encode(text), from });
  }
}
