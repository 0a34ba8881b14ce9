// A sink that keeps copies of what it was handed, and a way to wait for it.

import type { DatagramSink } from "../../../src/transport/transport.js";
import { Address } from "../../../src/util/address.js";

export interface Recorded {
  readonly bytes: Uint8Array;
  readonly remote: Address;
}

export class RecordingSink implements DatagramSink {
  readonly datagrams: Recorded[] = [];
  readonly errors: Error[] = [];

  handleDatagram(bytes: Uint8Array, length: number, remote: Address): void {
    const kept = new Address();
    kept.copyFrom(remote);
    this.datagrams.push({ bytes: Uint8Array.from(bytes.subarray(0, length)), remote: kept });
  }

  handleError(cause: Error): void {
    this.errors.push(cause);
  }

  /** The payloads as text. */
  get texts(): string[] {
    return this.datagrams.map((datagram) => new TextDecoder().decode(datagram.bytes));
  }
}

const TURNS_MAX = 200_000;

/** Lets the event loop turn until the condition holds; a generous number of turns is the limit, not a time. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    if (turn === TURNS_MAX) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
