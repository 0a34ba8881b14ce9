// The kinds of faults as switches with a name and a count. Each seed leaves a random half of those that a scenario allows.
import type { FaultCounts, FaultSettings } from "../../src/transport/link-faults.js";
import type { Prng } from "../../src/transport/prng.js";
import type { SimulatedNetwork, SimulatedPort } from "../../src/transport/simulated-network.js";
import type { End } from "./pair.js";
import type { ClientSide, ServerSide } from "./world.js";

export const FAULT_KINDS = [
  "loss", "burst", "copy", "replay", "delay", "jitter", "reorder", "stuck", "damage", "mtu", "outage", "move",
  "restartServer", "restartClient", "poolRefusal", "sendError", "lateTimer", "clockJump", "slowHandler", "slowReader",
] as const; // biome-ignore format: a list of names
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Faults of the path alone, none of which may end a call. */
export const PATH_FAULTS = ["loss", "burst", "copy", "delay", "jitter", "reorder", "stuck", "mtu"] as const;
/** Faults of the ends, none of which may end a call. */
export const END_FAULTS = [
  "sendError",
  "lateTimer",
  "clockJump",
  "poolRefusal",
  "slowHandler",
  "slowReader",
] as const;
/** Faults after which calls may fail. */
const FATAL: readonly FaultKind[] = ["damage", "move", "restartServer", "restartClient"];

/** What faults happen to. A run that has no ends or casts of its own to lend leaves those lists empty. */
export interface FaultGround {
  readonly simulation: {
    readonly network: SimulatedNetwork;
    readonly nowUs: number;
    readonly ends: readonly End[];
  };
  /** Of everybody who talks. */
  readonly ports: readonly SimulatedPort[];
  readonly servers: readonly ServerSide[];
  readonly clients: readonly ClientSide[];
  restartServer(server: ServerSide): boolean;
  restartClient(client: ClientSide): boolean;
  moveClient(client: ClientSide): boolean;
}

const SECOND = 1_000_000;
const PAUSE_US = SECOND / 5;
// What large datagrams meet: a path that carries plain packets still does, others carry fewer segments.
const SIZES = [1_472, 2_900, 4_352, 65_535];

/** Which faults are on in a run, how strong they are, and how often each really happened. */
export class FaultPlan {
  readonly kinds: ReadonlySet<FaultKind>;
  readonly counts: Partial<Record<FaultKind, number>> = {};
  readonly #prng: Prng;
  readonly #undo = new Set<() => void>();
  #isOver = true;

  /** @param without kinds that are off whatever the seed says */
  constructor(allowed: readonly FaultKind[], prng: Prng, without: readonly FaultKind[] = []) {
    this.#prng = prng;
    const kinds = [...allowed];
    for (let i = kinds.length - 1; i > 0; i--) {
      const j = prng.below(i + 1);
      [kinds[i], kinds[j]] = [kinds[j] as FaultKind, kinds[i] as FaultKind];
    }
    const left = kinds.slice(0, Math.ceil(kinds.length / 2));
    this.kinds = new Set(left.filter((kind) => !without.includes(kind)));
  }

  has(kind: FaultKind): boolean {
    return this.kinds.has(kind);
  }

  /** Calls may end in other ways than success. */
  get isFatal(): boolean {
    return FATAL.some((kind) => this.kinds.has(kind));
  }

  count(kind: FaultKind, times = 1): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + times;
  }

  /** What one direction of a path has done to its datagrams. */
  countLink(counts: Readonly<FaultCounts>): void {
    this.count(this.has("burst") ? "burst" : "loss", counts.lost);
    this.count("outage", counts.cut);
    this.count("mtu", counts.tooLong);
    this.count("copy", counts.copied);
    this.count("reorder", counts.reordered);
    this.count("damage", counts.damaged);
    this.count("replay", counts.replayed);
  }

  /** Begins with the faults of the path and lets the others come at their times. */
  start(world: FaultGround): void {
    this.#isOver = false;
    world.simulation.network.configure(this.#pathSettings());
    if (this.has("delay")) this.count("delay");
    if (this.has("jitter")) this.count("jitter");
    // Every kind gets its sequence, so that one kind less leaves the others as they were.
    for (const kind of FAULT_KINDS) this.#repeat(world, kind, this.#prng.fork());
    if (this.has("lateTimer")) for (const end of world.simulation.ends) this.delayTimers(end);
  }

  /** What an end that comes later gets as well. */
  delayTimers(end: End): void {
    if (this.#isOver || !this.has("lateTimer")) return;
    const prng = this.#prng.fork();
    end.lateUs = () => {
      if (!prng.chance(0.2)) return 0;
      this.count("lateTimer");
      return prng.below(2 * SECOND);
    };
  }

  /** Ends all faults; what they have done stays done. */
  stop(world: FaultGround): void {
    this.#isOver = true;
    world.simulation.network.heal();
    for (const undo of this.#undo) undo();
    this.#undo.clear();
    for (const end of world.simulation.ends) end.lateUs = null;
  }

  #pathSettings(): Partial<FaultSettings> {
    const prng = this.#prng.fork();
    // Drawn whether they are on or not, so that one kind less leaves the others as they were.
    const draw = {
      loss: { lossRate: 0.02 + prng.fraction() * 0.28 },
      burst: { lossBurstMax: 3 },
      copy: { copyRate: prng.fraction() * 0.5 },
      replay: { replayRate: 0.05 + prng.fraction() * 0.2, replayUs: (1 + prng.below(180)) * SECOND },
      delay: { delayMeanUs: 1_000 + prng.below(100_000) },
      jitter: { delayJitterUs: prng.below(50_000) },
      reorder: { reorderRate: 0.05 + prng.fraction() * 0.25, reorderUs: 1_000 + prng.below(50_000) },
      damage: { damageRate: 0.01 + prng.fraction() * 0.1 },
    };
    const settings: Partial<FaultSettings> = {};
    for (const [kind, part] of Object.entries(draw))
      if (this.has(kind as FaultKind)) Object.assign(settings, part);
    return settings;
  }

  // Episodes of one kind follow each other with pauses.
  #repeat(world: FaultGround, kind: FaultKind, prng: Prng): void {
    const begin = EPISODES[kind];
    if (begin === undefined || !this.has(kind)) return;
    const next = (): void => {
      if (this.#isOver) return;
      const { undo, lastsUs } = begin(world, prng, this);
      if (undo === null) return wait(0);
      this.#undo.add(undo);
      wait(lastsUs, () => {
        if (this.#undo.delete(undo)) undo();
      });
    };
    const wait = (lastsUs: number, then?: () => void): void => {
      if (then !== undefined) world.simulation.network.after(lastsUs, then);
      world.simulation.network.after(lastsUs + PAUSE_US + prng.below(4 * SECOND), next);
    };
    wait(0);
  }
}

interface Episode {
  /** Ends it; null when it is over at once. */
  readonly undo: (() => void) | null;
  readonly lastsUs: number;
}

const AT_ONCE: Episode = { undo: null, lastsUs: 0 };
type Begin = (world: FaultGround, prng: Prng, plan: FaultPlan) => Episode;

function oneOf<T>(prng: Prng, from: readonly T[]): T | undefined {
  return from[prng.below(from.length)];
}

const EPISODES: Partial<Record<FaultKind, Begin>> = {
  stuck: ({ simulation }, prng, plan) => {
    const lastsUs = prng.below(5 * SECOND);
    simulation.network.configure({ stuckUntilUs: simulation.nowUs + lastsUs });
    plan.count("stuck");
    // One that began before it is over would make a path that is stuck for longer than any one is.
    return { undo: () => undefined, lastsUs };
  },
  mtu: ({ simulation }, prng) => {
    simulation.network.configure({ sizeMax: oneOf(prng, SIZES) as number });
    return AT_ONCE;
  },
  outage: ({ simulation, ports }, prng) => {
    const from = oneOf(prng, ports);
    const to = oneOf(prng, ports);
    if (from === undefined || to === undefined || from === to) return AT_ONCE;
    const link = simulation.network.link(from.local, to.local);
    link.configure({ isCut: true });
    return { undo: () => link.configure({ isCut: false }), lastsUs: prng.below(4 * SECOND) };
  },
  move: (world, prng, plan) => {
    const client = oneOf(prng, world.clients);
    if (client !== undefined && world.moveClient(client)) plan.count("move");
    return AT_ONCE;
  },
  restartServer: (world, prng, plan) => {
    const server = oneOf(prng, world.servers);
    if (server !== undefined && world.restartServer(server)) plan.count("restartServer");
    return AT_ONCE;
  },
  restartClient: (world, prng, plan) => {
    const client = oneOf(prng, world.clients);
    if (client !== undefined && world.restartClient(client)) plan.count("restartClient");
    return AT_ONCE;
  },
  poolRefusal: ({ simulation }, prng, plan) => {
    const end = oneOf(prng, simulation.ends);
    if (end === undefined) return AT_ONCE;
    const { buffers } = end.endpoint.local;
    const before = buffers.failedTakes;
    const most = prng.below(buffers.free + 1);
    for (let i = 0; i < most; i++) end.withheld.push(buffers.take());
    const undo = (): void => {
      plan.count("poolRefusal", buffers.failedTakes - before);
      if (!end.isDead)
        end.command(() => {
          for (const buffer of end.withheld.splice(0)) buffers.give(buffer);
        });
    };
    return { undo, lastsUs: prng.below(2 * SECOND) };
  },
  sendError: ({ ports }, prng) => {
    const port = oneOf(prng, ports);
    if (port === undefined) return AT_ONCE;
    port.isBlocked = true;
    const undo = (): void => {
      port.isBlocked = false;
    };
    return { undo, lastsUs: prng.below(SECOND) };
  },
  clockJump: ({ simulation }, prng, plan) => {
    const end = oneOf(prng, simulation.ends);
    if (end === undefined) return AT_ONCE;
    plan.count("clockJump");
    end.leap(prng.below(5 * SECOND));
    // Leaps on leaps while the path is stuck make the dead time pass: then the call has been dead by its own clock.
    return { undo: () => undefined, lastsUs: 10 * SECOND };
  },
};
