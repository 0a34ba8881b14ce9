// What a socket has of the machine: time, randomness, a network. A simulation hands in its own.
import type { RandomSource } from "../core/random-source.js";
import { SystemEntropy } from "../transport/entropy.js";
import { readKernelDrops } from "../transport/kernel-drops.js";
import { type Loop, NodeLoop } from "../transport/loop.js";
import type { DatagramTransport } from "../transport/transport.js";
import { UdpTransport } from "../transport/udp.js";
import type { Address } from "../util/address.js";

/** A bound or connected end of the network. */
export interface SocketTransport extends DatagramTransport {
  /** Socket buffers that the system granted, in bytes; 0 = not known. */
  readonly granted: { readonly recvBufferBytes: number; readonly sendBufferBytes: number };
  /** The one peer of a connected end, once open; null for others. */
  readonly peer: Address | null;
}

export interface System {
  readonly loop: Loop;
  makeRandom(): RandomSource;
  /** An end at `host` and `port`, not open yet. Both may be left out: loopback, and a port that is free. */
  bind(host: string | undefined, port: number | undefined): SocketTransport;
  /** An end that talks to one peer only. */
  connect(host: string, port: number): SocketTransport;
  /** Datagrams dropped at `local` because nobody read them in time; undefined where that is not known. */
  kernelDrops(local: Address): Promise<number | undefined>;
}

/** This machine. */
export const nodeSystem: System = {
  loop: new NodeLoop(),
  makeRandom: () => new SystemEntropy(),
  bind: (host, port) =>
    new UdpTransport({ ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }) }),
  connect: (host, port) => new UdpTransport({ connect: { host, port } }),
  kernelDrops: (local) => readKernelDrops(local),
};
