// The cast of a scenario with promises: servers, clients and sockets of the whole library on a machine in virtual time, under
// the same faults, the same watchers and the same rules as the ends of the core alone.
import {
  RpcServer,
  type RpcServerOptions,
  RxClient,
  type RxError,
  RxSocket,
  type SocketOptions,
} from "../../src/index.js";
import type { System } from "../../src/node/system.js";
import { Simulation } from "../../src/testing/index.js";
import { Driver } from "../../src/transport/driver.js";
import type { FaultSettings } from "../../src/transport/link-faults.js";
import type { Prng } from "../../src/transport/prng.js";
import { SimulatedPort } from "../../src/transport/simulated-network.js";
import type { DatagramSink } from "../../src/transport/transport.js";
import type { Address } from "../../src/util/address.js";
import { describePacket } from "../../src/wire/describe.js";
import { checkLedger, StepChecker, Violation } from "./checkers.js";
import type { FaultGround, FaultPlan } from "./faults.js";
import { HandlerError } from "./handler-error.js";
import { poisonMemory } from "./pair.js";
import type { StateWatch } from "./state-watch.js";
import { EndWatch, type WireWatch } from "./wire-watch.js";

const HOST = "127.0.0.1";
const HEAD_BYTES = 8;
const CHECK_STRIDE = 64;
// Longer than every idle life in a row: replays for 3 min, connections 10 min, tombstones 2 min.
const REST_MS = 20 * 60_000;
const START_US = 2 ** 33;

export interface RpcWorldOptions {
  readonly seed: number;
  readonly prng: Prng;
  readonly plan: FaultPlan;
  readonly path: Partial<FaultSettings>;
  readonly wire: WireWatch;
  readonly states: StateWatch;
  readonly poison: number;
  readonly callsMax: number;
  readonly onTrace?: (line: string) => void;
}

/** One socket, seen from below. */
interface Watched {
  readonly driver: Driver;
  readonly checker: StepChecker;
  readonly faults: unknown[];
  isClosed: boolean;
}

export class RpcWorld implements FaultGround {
  readonly machine: Simulation;
  readonly plan: FaultPlan;
  readonly prng: Prng;
  readonly ports: SimulatedPort[] = [];
  // Crashes and moves are the core's own scenarios.
  readonly servers: FaultGround["servers"] = [];
  readonly clients: FaultGround["clients"] = [];
  readonly restartServer = (): boolean => false;
  readonly restartClient = (): boolean => false;
  readonly moveClient = (): boolean => false;
  /** What handlers of users have thrown and the library has reported. */
  readonly reported: unknown[] = [];
  readonly #options: RpcWorldOptions;
  readonly #system: System;
  readonly #watched: Watched[] = [];
  readonly #runs = new Map<number, number>();
  readonly #closers: (() => Promise<unknown>)[] = [];
  #nextId = 1;
  #steps = 0;

  constructor(options: RpcWorldOptions) {
    this.#options = options;
    this.plan = options.plan;
    this.prng = options.prng;
    this.machine = new Simulation({ seed: options.seed & 0x7fff_ffff, faults: options.path });
    const { system } = this.machine;
    this.#system = {
      ...system,
      bind: (host, port) => this.#watch(system.bind(host, port)),
      connect: (host, port) => this.#watch(system.connect(host, port)),
    };
  }

  get simulation(): FaultGround["simulation"] {
    return { network: this.machine.network, nowUs: this.machine.loop.nowUs(), ends: [] };
  }

  get elapsedUs(): number {
    return this.machine.loop.nowUs() - START_US;
  }

  /** A whole number from `least` to `most`, by the seed. */
  pick(least: number, most: number): number {
    return least + this.prng.below(most - least + 1);
  }

  /** So many calls, or fewer when the run is to be small. */
  countOf(calls: number): number {
    return Math.min(calls, this.#options.callsMax);
  }

  sleep(delayMs: number): Promise<void> {
    return this.machine.sleep(delayMs);
  }

  /** Not started yet. */
  server(options: RpcServerOptions = {}): RpcServer {
    const server = new RpcServer({ onFault: this.#onFault, ...options, system: this.#system });
    this.#closers.push(() => server.close());
    return server;
  }

  async client(port: number, serviceId: number): Promise<RxClient> {
    const socket = { system: this.#system, onFault: this.#onFault };
    const client = await this.run(RxClient.connect({ host: HOST, port, serviceId, socket }));
    this.#closers.push(() => client.close());
    return client;
  }

  async socket(options: SocketOptions = {}): Promise<RxSocket> {
    const socket = await this.run(
      RxSocket.bind({ onFault: this.#onFault, ...options, system: this.#system }),
    );
    this.#closers.push(() => socket.close());
    return socket;
  }

  /** Lets virtual time pass until `work` settles. @throws Violation O7 when it does not in time */
  async run<T>(work: Promise<T>, limitMs = 600_000): Promise<T> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    work.then(settled, settled);
    const { loop, network } = this.machine;
    const endUs = loop.nowUs() + limitMs * 1_000;
    for (;;) {
      await loop.settle();
      if (isSettled) return work;
      if (++this.#steps % CHECK_STRIDE === 0) this.check();
      if (network.nextAtUs > endUs || !network.step())
        throw new Violation("O7", `what is waited for has not come in ${limitMs} ms`);
    }
  }

  runFor(durationMs: number): Promise<void> {
    return this.run(this.sleep(durationMs), durationMs);
  }

  /** A request of so many bytes, at least 8, each known, with a number that no other has. */
  request(length: number): Uint8Array {
    const id = this.#nextId++;
    const bytes = new Uint8Array(Math.max(length, HEAD_BYTES));
    for (let i = HEAD_BYTES; i < bytes.length; i++) bytes[i] = (i * 7 + id * 13) & 0xff;
    const view = new DataView(bytes.buffer);
    view.setUint32(0, id);
    view.setUint32(4, bytes.length);
    return bytes;
  }

  /** O1, O12: a handler has got this request, and runs. */
  noteRun(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const id = view.getUint32(0);
    const runs = (this.#runs.get(id) ?? 0) + 1;
    this.#runs.set(id, runs);
    if (runs > 1) throw new Violation("O1", `request ${id} was run ${runs} times`);
    if (view.getUint32(4) !== bytes.length)
      throw new Violation("O12", `request ${id} has ${bytes.length} bytes of ${view.getUint32(4)}`);
  }

  /** O12: an echo gives back what it was sent. */
  checkEcho(request: Uint8Array, reply: Uint8Array): void {
    if (Buffer.compare(request, reply) === 0) return;
    const { length } = request;
    throw new Violation("O12", `the echo of ${length} bytes has ${reply.length}, or wrong ones`);
  }

  /** How a call ended: 0 well, else its abort code, or the code of the error without one. */
  outcomeOf(call: Promise<unknown>): Promise<number | string> {
    return call.then(
      () => 0,
      (cause: RxError | Violation) => {
        if (cause instanceof Violation) throw cause;
        return cause.abortCode ?? cause.code;
      },
    );
  }

  check(): void {
    const own = this.reported.find((cause) => cause instanceof Violation);
    if (own !== undefined) throw own;
    for (const { driver, checker, faults, isClosed } of this.#watched)
      if (!isClosed) checker.check({ endpoint: driver.endpoint, events: driver.events, faults });
  }

  /** O3: nothing is left when every idle life has passed, nor of those that are closed already. Then all close. */
  async rest(): Promise<void> {
    await this.runFor(REST_MS);
    this.check();
    for (const { driver, faults, isClosed } of this.#watched) {
      const { endpoint, events } = driver;
      if (!isClosed) checkLedger({ endpoint, events, faults });
      else if (endpoint.local.buffers.used > 0) throw new Violation("O3", "a closed socket holds buffers");
    }
    await this.run(Promise.all(this.#closers.map((close) => close())));
    for (const { driver } of this.#watched) {
      const { calls, buffers } = driver.endpoint.local;
      if (calls.used > 0 || buffers.used > 0)
        throw new Violation("O3", `${calls.used} calls and ${buffers.used} buffers are left after close()`);
    }
  }

  /** O3: a server that has stopped has neither handlers nor anything that was lent to them. */
  checkStopped(server: RpcServer): void {
    if (server.running > 0)
      throw new Violation("O3", `${server.running} handlers run in a server that has stopped`);
    for (const { calls, buffers, work, spill } of server.stats()) {
      const left = [calls.used, buffers.used, buffers.waiters, work.used, spill.used];
      if (left.some((count) => count !== 0))
        throw new Violation("O3", `calls, buffers, waiters, memory and files left: ${left.join(", ")}`);
    }
  }

  /** Adds what the network has counted to the plan's counts. */
  countFaults(): void {
    const { plan } = this;
    for (const from of this.ports)
      for (const to of this.ports)
        if (from !== to) plan.countLink(this.machine.network.link(from.local, to.local).counts);
    for (const port of this.ports) plan.count("sendError", port.counters.sendDrops);
  }

  readonly #onFault = (cause: unknown): void => {
    this.reported.push(cause instanceof Error ? cause : new HandlerError(String(cause)));
  };

  #watch<T>(transport: T): T {
    if (!(transport instanceof SimulatedPort)) throw new Error("not a port of the simulation");
    const { wire, states, poison, onTrace } = this.#options;
    const { loop } = this.machine;
    let end: EndWatch | null = null;
    let watched: Watched | null = null;
    const open = transport.open.bind(transport);
    transport.open = (sink: DatagramSink) => {
      if (!(sink instanceof Driver)) throw new Error("a socket is driven by something else");
      const seen = { driver: sink, checker: new StepChecker(), faults: [], isClosed: false };
      watched = seen;
      end = new EndWatch(wire, sink.endpoint);
      this.#watched.push(seen);
      this.ports.push(transport);
      poisonMemory(sink.endpoint, poison);
      states.watch(sink.endpoint.local.calls);
      const arrive = sink.handleDatagram.bind(sink);
      sink.handleDatagram = (bytes, length, remote) => {
        end?.noteReceived(remote, bytes, length);
        arrive(bytes, length, remote);
      };
      return open(sink);
    };
    const send = transport.send.bind(transport);
    transport.send = (bytes: Uint8Array, offset: number, length: number, remote: Address, host: string) => {
      if (onTrace !== undefined) {
        const what = describePacket(bytes, offset, length);
        onTrace(
          `${(this.elapsedUs / 1e6).toFixed(6)} ${transport.local.toString()} -> ${remote.toString()} ${what}`,
        );
      }
      end?.noteSent(loop.nowUs(), transport.local, remote, bytes, offset, length);
      return send(bytes, offset, length, remote, host);
    };
    const close = transport.close.bind(transport);
    transport.close = () => {
      if (watched !== null) watched.isClosed = true;
      const at = this.ports.indexOf(transport);
      if (at >= 0) this.ports.splice(at, 1);
      return close();
    };
    return transport;
  }
}
