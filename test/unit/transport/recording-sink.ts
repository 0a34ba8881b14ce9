// A sink that keeps copies of what it was handed, and a way to wait for it.

import type { DatagramSink } from "../../../src/transport/transport.js";
import { Address } from "../../../src/util/address.js";
import { eventually } from "../../eventually.js";

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

/** Waits until the condition holds, asleep between the looks: a disk or another process may have to go on first. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  await eventually(() => {
    if (!condition()) throw new Error(`waited in vain: ${what}`);
  });
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
