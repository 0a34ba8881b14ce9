// The cast of a scenario: servers, clients and their calls on one simulated network; how they come back after a crash, and
// what must hold when everything is over.
import type { EndpointOptions } from "../../src/core/config.js";
import type { Bundle } from "../../src/core/conn-client.js";
import type { SecurityClass } from "../../src/core/security-class.js";
import { type ServiceSettings, ServiceState, ServiceStyle } from "../../src/core/service.js";
import { nullSecurity } from "../../src/security/null.js";
import type { FaultSettings } from "../../src/transport/link-faults.js";
import type { Prng } from "../../src/transport/prng.js";
import type { SimulatedPort } from "../../src/transport/simulated-network.js";
import { Address } from "../../src/util/address.js";
import { RxError } from "../../src/util/errors.js";
import { checkLedger, checkPoolsWhole, Violation } from "./checkers.js";
import type { FaultGround, FaultPlan } from "./faults.js";
import { type End, Simulation, type SimulationOptions } from "./pair.js";
import { RawEnd } from "./raw-end.js";
import { openBundle, type Pace, PatternCall, PatternService } from "./workload.js";

const SERVER_PORT = 7009;
const CLIENT_PORT = 40_000;
// Longer than every idle life in a row: replays for 3 min, connections 10 min, tombstones 2 min.
const REST_US = 20 * 60 * 1_000_000;
/** Enough for every scenario, and small enough that a run costs little. */
const SMALL: EndpointOptions = {
  callsMax: 128,
  connectionsMax: 128,
  peersMax: 128,
  buffersMax: 512,
  tombstonesMax: 512,
};

const NO_CALL_CODES: readonly string[] = ["RX_ERR_LIMIT", "RX_ERR_SOCKET_CLOSED"];

export interface ServerSettings {
  readonly host?: string;
  readonly port?: number;
  readonly style?: ServiceStyle;
  readonly backlog?: number;
  readonly options?: EndpointOptions;
  readonly service?: Partial<ServiceSettings>;
  /** Security classes; one object for each incarnation. */
  readonly security?: () => readonly SecurityClass[];
}

export interface ClientSettings {
  readonly host?: string;
  readonly connectionsMax?: number;
  readonly options?: EndpointOptions;
  readonly security?: () => readonly SecurityClass[];
  readonly securityIndex?: number;
  readonly to?: ServerSide;
}

/** A server through all its lives. */
export interface ServerSide {
  readonly settings: ServerSettings;
  readonly address: Address;
  end: End;
  /** Of each life, the present one last. */
  readonly services: PatternService[];
}

/** A client through all its lives. */
export interface ClientSide {
  readonly settings: ClientSettings;
  readonly index: number;
  end: End;
  bundle: Bundle;
}

export interface WorldOptions {
  readonly simulation: SimulationOptions;
  readonly plan: FaultPlan;
  readonly prng: Prng;
  readonly path?: Partial<FaultSettings>;
  /** Nobody disturbs: what else happens is measured against this. Default false. */
  readonly isQuiet?: boolean;
  /** The most clients and calls per client that a run may have. */
  readonly clientsMax: number;
  readonly callsMax: number;
}

export class World implements FaultGround {
  readonly simulation: Simulation;
  readonly plan: FaultPlan;
  readonly prng: Prng;
  readonly servers: ServerSide[] = [];
  readonly clients: ClientSide[] = [];
  readonly calls: PatternCall[] = [];
  /** Strangers and others who disturb are left out (`compare` of a scenario). */
  readonly isQuiet: boolean;
  /**
   * Payload may have been changed under way, and nothing would show it: Rx has no checksum of its own, and the simulated path
   * stands above UDP's. O12 then has nothing to compare with. Nor has O1: a flipped bit makes one request another, or lets a
   * copy of it open a second call.
   */
  mayCorrupt = false;
  /** A direction may end early: by a damaged flag, or because a handler answers with less. */
  mayCutShort = false;
  /** Virtual time until the last call ended. */
  tookUs = 0;
  readonly #options: WorldOptions;
  readonly #addresses: Address[] = [];
  #nextId = 2;
  #nextPort = CLIENT_PORT;
  /** Calls that are still to begin. */
  #toBegin = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.isQuiet = options.isQuiet ?? false;
    this.plan = options.plan;
    this.prng = options.prng;
    this.simulation = new Simulation(options.simulation);
  }

  /** A whole number from `least` to `most`, by the seed. */
  pick(least: number, most: number): number {
    return least + this.prng.below(most - least + 1);
  }

  oneOf<T>(from: readonly T[]): T {
    return from[this.prng.below(from.length)] as T;
  }

  addServer(settings: ServerSettings = {}): ServerSide {
    const end = this.#serverEnd(settings);
    const address = new Address();
    address.copyFrom(end.address);
    const side: ServerSide = { settings, address, end, services: [] };
    side.services.push(this.#serve(end, settings));
    this.servers.push(side);
    return side;
  }

  addClient(settings: ClientSettings = {}): ClientSide {
    const end = this.#clientEnd(settings, this.#nextPort++);
    const side = { settings, index: this.clients.length, end, bundle: this.#open(end, settings) };
    this.clients.push(side);
    return side;
  }

  /** A peer that writes its packets by hand. */
  addRaw(host: string, port: number, to = this.firstServer): RawEnd {
    return new RawEnd(this.simulation.network, host, port, to.address);
  }

  /** So many clients, or fewer when the run is to be small. */
  addClients(count: number, settings: ClientSettings = {}): void {
    const clients = Math.min(count, this.#options.clientsMax);
    for (let i = 0; i < clients; i++) this.addClient(settings);
  }

  /** A call from `client` now. @returns null when the client's tables are full, or it has closed */
  call(client: ClientSide, requestBytes: number, replyBytes: number): PatternCall | null {
    const id = this.#nextId;
    this.#nextId += 2;
    try {
      const pace = this.plan.has("slowReader") ? this.pace("slowReader") : null;
      const call = new PatternCall(client.end, client.bundle, id, requestBytes, replyBytes, pace);
      this.calls.push(call);
      return call;
    } catch (cause) {
      const isExpected = cause instanceof RxError && NO_CALL_CODES.includes(cause.code);
      if (isExpected) return null;
      throw cause;
    }
  }

  /** So many calls from each client, or fewer when the run is to be small, begun at random times within `withinUs`. */
  addCalls(count: number, requestBytes: number, replyBytes: number, withinUs = 0): void {
    const calls = Math.min(count, this.#options.callsMax);
    for (let i = 0; i < calls; i++) {
      for (const client of this.clients) {
        if (withinUs === 0) {
          this.call(client, requestBytes, replyBytes);
          continue;
        }
        this.begin(this.prng.below(withinUs), () => void this.call(client, requestBytes, replyBytes));
      }
    }
  }

  /** Does `run` every `everyUs`, so many times. */
  repeat(times: number, everyUs: number, run: () => void): void {
    if (times === 0) return;
    this.at(everyUs, () => {
      run();
      this.repeat(times - 1, everyUs, run);
    });
  }

  /** Begins a call later. The run does not end before. */
  begin(delayUs: number, run: () => void): void {
    this.#toBegin++;
    this.at(delayUs, () => {
      this.#toBegin--;
      run();
    });
  }

  at(delayUs: number, run: () => void): void {
    this.simulation.network.after(delayUs, run);
  }

  /** Pauses and small steps, by the seed. */
  pace(kind: "slowHandler" | "slowReader"): Pace {
    const { plan } = this;
    const prng = this.prng.fork();
    return {
      pauseUs: () => {
        if (!prng.chance(0.5)) return 0;
        plan.count(kind);
        return 1 + prng.below(300_000);
      },
      stepBytes: () => 1 + prng.below(16_384),
    };
  }

  get hasEnded(): boolean {
    return this.#toBegin === 0 && this.calls.every((call) => call.isEnded || call.isOrphan);
  }

  get ports(): readonly SimulatedPort[] {
    return this.simulation.ends.map(({ port }) => port);
  }

  get firstServer(): ServerSide {
    const [first] = this.servers;
    if (first === undefined) throw new Error("there is no server yet");
    return first;
  }

  serviceOf(server: ServerSide): PatternService {
    return server.services.at(-1) as PatternService;
  }

  /** The server crashes and is there again at once, knowing nothing. */
  restartServer(server: ServerSide): boolean {
    server.end.crash();
    server.end = this.#serverEnd(server.settings);
    server.services.push(this.#serve(server.end, server.settings));
    return true;
  }

  /** The client crashes and is there again at once, on the same port. Its calls are nobody's. */
  restartClient(client: ClientSide): boolean {
    const { port } = client.end.address;
    client.end.crash();
    client.end = this.#clientEnd(client.settings, port);
    client.bundle = this.#open(client.end, client.settings);
    return true;
  }

  /** The client goes on at another port, as behind a router that forgot it. */
  moveClient(client: ClientSide): boolean {
    const { address } = client.end;
    client.end.port.move(address.format(), this.#nextPort++);
    this.#note(client.end);
    return true;
  }

  /** Adds what the network has counted to the plan's counts. */
  countFaults(): void {
    const { plan, simulation } = this;
    for (const from of this.#addresses)
      for (const to of this.#addresses) plan.countLink(simulation.network.link(from, to).counts);
    for (const end of simulation.ends) plan.count("sendError", end.port.counters.sendDrops);
  }

  /** O2, O12: each call has ended once, and what it was given is right. */
  checkCalls(mayFail: boolean): void {
    for (const call of this.calls) {
      if (call.isOrphan) continue;
      if (call.ends !== 1) throw new Violation("O2", call.describe());
      if (this.#isWrong(call.error)) throw new Violation("O12", call.describe());
      if (!mayFail && !call.isRight) throw new Violation("O2", `not a success: ${call.describe()}`);
    }
    for (const server of this.servers) {
      for (const service of server.services) {
        if (this.mayCorrupt) continue;
        const wrong = service.errors.find((error) => this.#isWrong(error));
        if (wrong !== undefined) throw new Violation("O12", wrong);
        for (const [id, runs] of service.runs)
          if (runs !== 1) throw new Violation("O1", `request ${id} was run ${runs} times`);
      }
    }
  }

  #isWrong(error: string): boolean {
    return error !== "" && !this.mayCorrupt && !(this.mayCutShort && error.includes(" bytes of "));
  }

  /** O3: when all idle lives have passed nothing is left, and when the services have closed every pool is whole. */
  rest(): void {
    const { simulation } = this;
    simulation.runFor(REST_US);
    for (const server of this.servers) {
      const service = this.serviceOf(server);
      if (service.live !== 0)
        throw new Violation("O2", `${service.live} calls of the service were never told of their end`);
    }
    for (const end of simulation.ends) checkLedger(end);
    for (const server of this.servers) {
      const { service } = this.serviceOf(server);
      if (service.state !== ServiceState.Closed) server.end.command(() => service.listen(0));
    }
    for (const end of simulation.ends) checkPoolsWhole(end);
  }

  #serverEnd(settings: ServerSettings): End {
    return this.#end(settings.host ?? "127.0.0.1", settings.port ?? SERVER_PORT, settings);
  }

  #clientEnd(settings: ClientSettings, port: number): End {
    return this.#end(settings.host ?? "127.0.0.2", port, settings);
  }

  #end(host: string, port: number, settings: ServerSettings | ClientSettings): End {
    const end = this.simulation.addEnd({
      host,
      port,
      options: { ...SMALL, ...settings.options },
      security: settings.security?.() ?? [nullSecurity],
    });
    this.#note(end);
    this.plan.delayTimers(end);
    return end;
  }

  #note(end: End): void {
    const address = new Address();
    address.copyFrom(end.address);
    this.#addresses.push(address);
  }

  #serve(end: End, settings: ServerSettings): PatternService {
    const style = settings.style ?? ServiceStyle.User;
    const service = new PatternService(end, { ...settings.service, style }, settings.backlog ?? 32);
    if (this.plan.has("slowHandler")) service.pace = this.pace("slowHandler");
    return service;
  }

  #open(end: End, settings: ClientSettings): Bundle {
    const to = settings.to ?? this.firstServer;
    return openBundle(end, to.address, settings.connectionsMax ?? 16, settings.securityIndex ?? 0);
  }
}
