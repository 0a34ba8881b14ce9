// What all runs together have exercised, as a table for people.
import { FAULT_KINDS } from "./faults.js";
import type { SeedResult } from "./run-seed.js";
import { ALL_STEPS } from "./state-watch.js";

type Counts = Record<string, number>;

interface Speed {
  runs: number;
  virtualUs: number;
  busyUs: number;
  realMs: number;
}

export class Tally {
  readonly #sent: Counts = {};
  readonly #received: Counts = {};
  readonly #faults: Counts = {};
  readonly #steps: Counts = {};
  readonly #speeds = new Map<string, Speed>();

  add(scenario: string, result: SeedResult): void {
    addTo(this.#sent, result.sent);
    addTo(this.#received, result.received);
    addTo(this.#faults, result.faults);
    addTo(this.#steps, result.steps);
    const speed = this.#speeds.get(scenario) ?? { runs: 0, virtualUs: 0, busyUs: 0, realMs: 0 };
    speed.runs++;
    speed.virtualUs += result.virtualUs;
    speed.busyUs += result.busyUs;
    speed.realMs += result.realMs;
    this.#speeds.set(scenario, speed);
  }

  // The median over the scenarios without S32, which is nearly all idle.
  #median(of: (speed: Speed) => number): number {
    const ratios = [...this.#speeds]
      .filter(([scenario]) => scenario !== "S32")
      .map(([, speed]) => of(speed) / 1_000 / speed.realMs)
      .sort((a, b) => a - b);
    return ratios[ratios.length >> 1] ?? 0;
  }

  /** Virtual seconds for each real one, with the idle time at the end of each run. */
  get medianSpeed(): number {
    return this.#median(({ virtualUs }) => virtualUs);
  }

  /** The same of the time in which something happens. */
  get medianBusySpeed(): number {
    return this.#median(({ busyUs }) => busyUs);
  }

  render(): string {
    const types = [...new Set([...Object.keys(this.#sent), ...Object.keys(this.#received)])].sort();
    const missed = ALL_STEPS.filter((step) => this.#steps[step] === undefined);
    return [
      "packets          sent     received",
      ...types.map((type) => row(type, this.#sent[type] ?? 0, this.#received[type] ?? 0)),
      "",
      "faults       happened",
      ...FAULT_KINDS.map((kind) => row(kind, this.#faults[kind] ?? 0)),
      "",
      "steps of calls                                     taken",
      ...ALL_STEPS.map((step) => `${step.padEnd(45)}${String(this.#steps[step] ?? 0).padStart(11)}`),
      missed.length === 0 ? "every step was taken" : `never taken: ${missed.join(", ")}`,
      "",
      "scenario  runs  ms a run   virtual/real  without rest",
      ...[...this.#speeds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, speed]) => speedRow(id, speed)),
      `median without S32: ${Math.round(this.medianSpeed)} virtual seconds a real one; without rest ${Math.round(this.medianBusySpeed)}`,
    ].join("\n");
  }
}

function row(name: string, ...counts: number[]): string {
  return `${name.padEnd(14)}${counts.map((count, i) => String(count).padStart(i === 0 ? 7 : 13)).join("")}`;
}

function speedRow(id: string, { runs, virtualUs, busyUs, realMs }: Speed): string {
  const ratio = (us: number): string => String(Math.round(us / 1_000 / realMs));
  return `${id.padEnd(8)}${String(runs).padStart(6)}${(realMs / runs).toFixed(0).padStart(10)}${ratio(virtualUs).padStart(15)}${ratio(busyUs).padStart(14)}`;
}

function addTo(table: Counts, counts: Readonly<Counts>): void {
  for (const [name, count] of Object.entries(counts)) table[name] = (table[name] ?? 0) + count;
}
