// What may go wrong with a datagram under way, decided by a seed: shared by the simulated network and the fault injector.
import { RxOptionError } from "../util/errors.js";
import type { Prng } from "./prng.js";

/** The faults of one direction. Rates are fractions of the datagrams, 0 to 1; times are microseconds. */
export interface FaultSettings {
  /** Datagrams lost, over a long run, whatever the length of the bursts. */
  lossRate: number;
  /** Longest run lost in one go; each run has a length from 1 to this, all equally likely. */
  lossBurstMax: number;
  /** Datagrams that arrive twice, the copy with a delay of its own. */
  copyRate: number;
  /** Datagrams held back by up to `reorderUs`, so that later ones pass them. */
  reorderRate: number;
  reorderUs: number;
  /** Mean one-way delay, spread evenly over mean +/- jitter and then cut to [0, delayMaxUs]. Order is kept. */
  delayMeanUs: number;
  delayJitterUs: number;
  delayMaxUs: number;
  /** Nothing arrives before this time, and then everything held so far, in order: a path that was stuck. */
  stuckUntilUs: number;
  /** Datagrams in which 1 to 8 bits of one byte are flipped. */
  damageRate: number;
  /** Datagrams that come again from `replayUs` later, as a recorded attack or a stuck router would have it. */
  replayRate: number;
  replayUs: number;
  /** Larger datagrams vanish, as where the path's size shrank. */
  sizeMax: number;
  /** Nothing passes. */
  isCut: boolean;
}

/** A path without faults or delay. */
export const NO_FAULTS: Readonly<FaultSettings> = Object.freeze({
  lossRate: 0,
  lossBurstMax: 1,
  copyRate: 0,
  reorderRate: 0,
  reorderUs: 10_000,
  delayMeanUs: 0,
  delayJitterUs: 0,
  delayMaxUs: 750_000,
  stuckUntilUs: 0,
  damageRate: 0,
  replayRate: 0,
  replayUs: 120_000_000,
  sizeMax: 65_535,
  isCut: false,
});

const RATES = ["lossRate", "copyRate", "reorderRate", "damageRate", "replayRate"] as const;
const AMOUNTS = [
  "reorderUs",
  "delayMeanUs",
  "delayJitterUs",
  "delayMaxUs",
  "stuckUntilUs",
  "replayUs",
  "sizeMax",
] as const;

/** What became of datagrams on one direction. */
export interface FaultCounts {
  lost: number;
  cut: number;
  tooLong: number;
  copied: number;
  reordered: number;
  damaged: number;
  replayed: number;
}

/** Faults of one direction with their state. `settings` may be changed while it runs. */
export class LinkFaults {
  readonly settings: FaultSettings;
  readonly counts: FaultCounts = {
    lost: 0,
    cut: 0,
    tooLong: 0,
    copied: 0,
    reordered: 0,
    damaged: 0,
    replayed: 0,
  };
  readonly #prng: Prng;
  #burstLeft = 0;
  #lastArrivalUs = 0;

  /** @throws RxOptionError for a rate outside 0 to 1 or an amount below 0 */
  constructor(prng: Prng, settings: Partial<FaultSettings> = {}) {
    this.#prng = prng;
    this.settings = { ...NO_FAULTS };
    this.configure(settings);
  }

  /** Changes some settings and leaves the others. @throws RxOptionError, with nothing changed */
  configure(changes: Partial<FaultSettings>): void {
    const next = { ...this.settings, ...changes };
    for (const rate of RATES) {
      if (!(next[rate] >= 0 && next[rate] <= 1))
        throw new RxOptionError(rate, "a number from 0 to 1", next[rate]);
    }
    for (const amount of AMOUNTS) {
      if (!(next[amount] >= 0)) throw new RxOptionError(amount, "a number of at least 0", next[amount]);
    }
    if (!Number.isInteger(next.lossBurstMax) || next.lossBurstMax < 1) {
      throw new RxOptionError("lossBurstMax", "an integer of at least 1", next.lossBurstMax);
    }
    Object.assign(this.settings, next);
  }

  /** Ends every fault and delay; what is under way still arrives. */
  heal(): void {
    Object.assign(this.settings, NO_FAULTS);
    this.#burstLeft = 0;
  }

  /** @returns true when this datagram does not arrive */
  isLost(length: number): boolean {
    const { settings, counts } = this;
    if (settings.isCut) {
      counts.cut++;
      return true;
    }
    if (length > settings.sizeMax) {
      counts.tooLong++;
      return true;
    }
    if (this.#burstLeft > 0) {
      this.#burstLeft--;
      counts.lost++;
      return true;
    }
    if (!this.#prng.chance(burstStartRate(settings.lossRate, settings.lossBurstMax))) return false;
    this.#burstLeft = this.#prng.below(settings.lossBurstMax);
    counts.lost++;
    return true;
  }

  isCopied(): boolean {
    const is = this.#prng.chance(this.settings.copyRate);
    if (is) this.counts.copied++;
    return is;
  }

  /** @returns when a recording of this datagram comes again, or Infinity */
  replayAtUs(nowUs: number): number {
    if (!this.#prng.chance(this.settings.replayRate)) return Number.POSITIVE_INFINITY;
    this.counts.replayed++;
    return nowUs + this.settings.replayUs;
  }

  /** @returns when a datagram sent now arrives: after those before it, unless it is one of the reordered */
  arrivalUs(nowUs: number): number {
    const { settings } = this;
    const spread =
      settings.delayJitterUs === 0 ? 0 : (this.#prng.fraction() * 2 - 1) * settings.delayJitterUs;
    const delayUs = Math.min(Math.max(settings.delayMeanUs + spread, 0), settings.delayMaxUs);
    const inOrderUs = Math.max(nowUs + Math.floor(delayUs), this.#lastArrivalUs, settings.stuckUntilUs);
    if (this.#prng.chance(settings.reorderRate)) {
      this.counts.reordered++;
      return inOrderUs + 1 + this.#prng.below(settings.reorderUs);
    }
    this.#lastArrivalUs = inOrderUs;
    return inOrderUs;
  }

  /** Flips bits of some datagrams in place. */
  damage(bytes: Uint8Array, length: number): void {
    if (length === 0 || !this.#prng.chance(this.settings.damageRate)) return;
    this.counts.damaged++;
    const at = this.#prng.below(length);
    bytes[at] = (bytes[at] as number) ^ (1 + this.#prng.below(255));
  }
}

// With runs of mean length m, starting one with probability p loses p*m of every (1 - p) + p*m datagrams.
function burstStartRate(lossRate: number, burstMax: number): number {
  if (burstMax === 1 || lossRate === 0) return lossRate;
  const mean = (1 + burstMax) / 2;
  return lossRate / (mean - lossRate * mean + lossRate);
}
