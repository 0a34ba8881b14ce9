// What a socket has of the machine: time, randomness, a network. A simulation hands in its own.
import type { RandomSource } from "../core/random-source.js";
import { SystemEntropy } from "../transport/entropy.js";
import { readKernelDrops } from "../transport/kernel-drops.js";
import { type Loop, NodeLoop } from "../transport/loop.js";
import { loadBinding } from "../transport/native/binding.js";
import { NativeUdp } from "../transport/native/native-udp.js";
import type { DatagramTransport } from "../transport/transport.js";
import { type UdpOptions, UdpTransport } from "../transport/udp.js";
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

/** Which way datagrams go. */
export interface TransportPath {
  readonly path: "native" | "dgram";
  /** Why, in a few words for people. */
  readonly reason: string;
}

/** Whether the addon is used where nobody has said anything about it. */
const NATIVE_BY_DEFAULT = false;

/** The path of sockets that are made now: the environment variable RXRPC_NATIVE, 0 or 1, then what can be loaded. */
export function transportPath(): TransportPath {
  const wanted = process.env["RXRPC_NATIVE"];
  if (wanted === "0") return { path: "dgram", reason: "RXRPC_NATIVE=0" };
  if (wanted !== "1" && !NATIVE_BY_DEFAULT) return { path: "dgram", reason: "RXRPC_NATIVE=1 turns it on" };
  const { binding, reason } = loadBinding();
  return { path: binding === undefined ? "dgram" : "native", reason };
}

function makeUdp(options: UdpOptions): SocketTransport {
  const { binding } = transportPath().path === "native" ? loadBinding() : { binding: undefined };
  return binding === undefined ? new UdpTransport(options) : new NativeUdp(binding, options);
}

/** This machine. */
export const nodeSystem: System = {
  loop: new NodeLoop(),
  makeRandom: () => new SystemEntropy(),
  bind: (host, port) =>
    makeUdp({ ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }) }),
  connect: (host, port) => makeUdp({ connect: { host, port } }),
  kernelDrops: (local) => readKernelDrops(local),
};
