// A machine for tests: sockets, servers and clients of this library on a simulated network in virtual time. One seed is one run.
import { RpcServer, type RpcServerOptions } from "../node/rpc-server.js";
import { RxClient, type RxClientOptions } from "../node/rx-client.js";
import { RxSocket } from "../node/rx-socket.js";
import type { SocketOptions } from "../node/socket-options.js";
import type { SocketTransport, System } from "../node/system.js";
import type { FaultSettings } from "../transport/link-faults.js";
import { Prng } from "../transport/prng.js";
import { SimulatedNetwork, SimulatedPort } from "../transport/simulated-network.js";
import { Address } from "../util/address.js";
import { RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";
import { SimulatedLoop } from "./simulated-loop.js";

export interface SimulationOptions {
  /** Everything that happens follows from it: an integer from 0 to 2^31 - 1. */
  readonly seed: number;
  /** Faults of every path. Default none. */
  readonly faults?: Partial<FaultSettings>;
}

/** The host of an end that says no other, and the first port that is given to one that names none. */
const DEFAULT_HOST = "127.0.0.1";
const FIRST_PORT = 20_000;
const SEED_MAX = 2 ** 31 - 1;
const LIMIT_MS = 3_600_000;
// 2^33 us: where times no longer fit small integers, as after some days of life.
const START_US = 2 ** 33;

export class Simulation {
  readonly network: SimulatedNetwork;
  readonly loop: SimulatedLoop;
  /** Random numbers of the run, for what a test itself decides by chance. */
  readonly prng: Prng;
  /** Hand it to whatever takes SocketOptions: `system: simulation.system`. */
  readonly system: System;
  readonly #seed: number;
  #nextPort = FIRST_PORT;

  /** @throws RxOptionError */
  constructor(options: SimulationOptions) {
    knownOptions("options", options, ["seed", "faults"]);
    if (options.seed === undefined)
      throw new RxOptionError("seed", `an integer from 0 to ${SEED_MAX}`, undefined);
    this.#seed = integerOption("seed", options.seed, 0, 0, SEED_MAX);
    this.prng = new Prng(this.#seed);
    this.network = new SimulatedNetwork({
      seed: this.prng.int32(),
      startUs: START_US,
      ...(options.faults === undefined ? {} : { faults: options.faults }),
    });
    this.loop = new SimulatedLoop(this.network);
    this.system = {
      loop: this.loop,
      makeRandom: () => this.prng.fork(),
      bind: (host, port) => this.#attach(host, port, null),
      connect: (host, port) => this.#attach(undefined, undefined, addressOf(host, port)),
      kernelDrops: () => Promise.resolve(undefined),
    };
  }

  /** Virtual milliseconds since the simulation began. */
  get nowMs(): number {
    return (this.loop.nowUs() - START_US) / 1_000;
  }

  /** Over every datagram that was delivered: equal for runs that were equal. */
  get traceHash(): number {
    return this.network.traceHash;
  }

  /** A server on the simulated network; start it with run(). Without `port` it gets a free one. */
  server(options: RpcServerOptions = {}): RpcServer {
    return new RpcServer({ ...options, system: this.system });
  }

  /** A client on a connected socket, as RxClient.connect() makes it. */
  client(options: RxClientOptions): Promise<RxClient> {
    return this.run(RxClient.connect({ ...options, socket: { ...options.socket, system: this.system } }));
  }

  /** A bound socket for services and calls. */
  bind(options: SocketOptions = {}): Promise<RxSocket> {
    return this.run(RxSocket.bind({ ...options, system: this.system }));
  }

  /** Resolves after so much virtual time, for handlers and tests that wait. Somebody has to let time pass: run() or runFor(). */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.loop.after(delayMs * 1_000, resolve));
  }

  /**
   * Lets virtual time pass until `work` settles.
   *
   * @param limitMs the most virtual time it may take; default an hour
   * @returns what it resolves to
   * @throws what it rejects with; Error with the seed when it takes longer, or when nothing is left that could settle it
   */
  async run<T>(work: Promise<T>, limitMs = LIMIT_MS): Promise<T> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    work.then(settled, settled);
    const endUs = this.loop.nowUs() + limitMs * 1_000;
    for (;;) {
      await this.loop.settle();
      if (isSettled) return work;
      if (this.network.nextAtUs > endUs) throw this.#stuck(limitMs);
      if (!this.network.step()) throw this.#stuck(limitMs);
    }
  }

  /** Lets so much virtual time pass. */
  runFor(durationMs: number): Promise<void> {
    return this.run(this.sleep(durationMs), durationMs);
  }

  #attach(host: string | undefined, port: number | undefined, peer: Address | null): SocketTransport {
    const free = port === undefined || port === 0 ? this.#nextPort++ : port;
    return new SimulatedSocketPort(this.network, addressOf(host ?? DEFAULT_HOST, free), peer);
  }

  #stuck(limitMs: number): Error {
    const why =
      this.network.nextAtUs === Number.POSITIVE_INFINITY
        ? "nothing is under way"
        : `${limitMs} ms have passed`;
    return new Error(`the work of seed ${this.#seed} has not come to an end, and ${why}`);
  }
}

/** A port of the simulated network with what a socket knows of its own. */
class SimulatedSocketPort extends SimulatedPort implements SocketTransport {
  readonly granted = { recvBufferBytes: 0, sendBufferBytes: 0 };
  readonly peer: Address | null;

  constructor(network: SimulatedNetwork, local: Address, peer: Address | null) {
    super(network, local, peer ?? undefined);
    this.peer = peer;
  }
}

function addressOf(host: string, port: number): Address {
  const address = Address.from(host === "localhost" ? DEFAULT_HOST : host, port);
  if (address === undefined)
    throw new RxOptionError("host", "an IP address or localhost: names are not looked up here", host);
  return address;
}
