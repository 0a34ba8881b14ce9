// A stand-in for node:dgram whose sends succeed, fail or queue as the test says.
import type * as dgram from "node:dgram";
import { EventEmitter } from "node:events";

export class FakeSocket extends EventEmitter {
  /** Taken by the "network": contents at that moment. */
  readonly sent: { bytes: Uint8Array; port: number | undefined; address: string | undefined }[] = [];
  /** Waiting, by reference as libuv keeps them. */
  readonly queued: Uint8Array[] = [];
  isStuck = false;
  failSends: Error | undefined = undefined;
  throwOnSend = false;
  bufferMax = Number.POSITIVE_INFINITY;
  isWatched: boolean[] = [];
  closes = 0;
  #buffers = { recv: 0, send: 0 };

  bind(options: { port: number; address: string }): this {
    this.bound = { address: options.address, port: options.port === 0 ? 40_000 : options.port };
    this.emit("listening");
    return this;
  }
  bound = { address: "", port: 0 };

  connect(_port: number, _address: string, callback: () => void): void {
    callback();
  }

  address(): { address: string; family: string; port: number } {
    return { ...this.bound, family: "IPv4" };
  }

  send(bytes: Uint8Array, ...rest: unknown[]): void {
    if (this.throwOnSend) throw new Error("not running");
    const callback = rest.find((argument) => typeof argument === "function") as
      | ((error: Error | null) => void)
      | undefined;
    this.isWatched.push(callback !== undefined);
    if (this.failSends !== undefined) {
      const error = this.failSends;
      if (callback !== undefined) process.nextTick(callback, error);
      return;
    }
    if (this.isStuck) {
      this.queued.push(bytes);
      return;
    }
    const [port, address] = rest.filter((argument) => typeof argument !== "function");
    this.sent.push({
      bytes: Uint8Array.from(bytes),
      port: port as number | undefined,
      address: address as string | undefined,
    });
    if (callback !== undefined) process.nextTick(callback, null);
  }

  /** The network takes what waited. */
  drain(): void {
    this.isStuck = false;
    for (const bytes of this.queued.splice(0)) {
      this.sent.push({ bytes: Uint8Array.from(bytes), port: undefined, address: undefined });
    }
  }

  getSendQueueCount(): number {
    return this.queued.length;
  }

  getSendQueueSize(): number {
    return this.queued.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  setRecvBufferSize(bytes: number): void {
    if (bytes > this.bufferMax) throw new Error("ENOBUFS");
    this.#buffers.recv = bytes;
  }

  getRecvBufferSize(): number {
    return this.#buffers.recv;
  }

  setSendBufferSize(bytes: number): void {
    if (bytes > this.bufferMax) throw new Error("ENOBUFS");
    this.#buffers.send = bytes;
  }

  getSendBufferSize(): number {
    return this.#buffers.send;
  }

  close(): void {
    this.closes++;
    this.emit("close");
  }
}

/** A module that gives out this one socket. */
export function fakeDgram(socket: FakeSocket): typeof dgram {
  return { createSocket: () => socket } as unknown as typeof dgram;
}
