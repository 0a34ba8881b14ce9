// How much of the machine others had while something was measured: what is neither idle nor used by the two sides. Counts
// what the hypervisor gave to other machines as well.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";

const TICK_US = 10_000;
/** Above this a figure says more about the machine than about what was measured. */
export const OTHERS_MAX = 0.1;

/** @returns {{ busyUs: number, atMs: number } | undefined} undefined where there is no /proc */
export function readLoad() {
  try {
    // proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal, in ticks, of all processors together.
    const line = readFileSync("/proc/stat", "latin1").split("\n", 1)[0] ?? "";
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
      .split(/\s+/)
      .slice(1)
      .map(Number);
    const ticks = user + nice + system + irq + softirq + steal;
    return { busyUs: ticks * TICK_US, atMs: performance.now() };
  } catch {
    return undefined;
  }
}

/**
 * @param {ReturnType<typeof readLoad>} before
 * @param {ReturnType<typeof readLoad>} after
 * @param {number | undefined} usedUs processor time of what was measured
 * @returns {number | undefined} part of all processors, 0 to 1
 */
export function othersShare(before, after, usedUs) {
  if (before === undefined || after === undefined || usedUs === undefined) return undefined;
  const wallUs = (after.atMs - before.atMs) * 1000 * cpus().length;
  const others = (after.busyUs - before.busyUs - usedUs) / wallUs;
  return Math.min(1, Math.max(0, others));
}
