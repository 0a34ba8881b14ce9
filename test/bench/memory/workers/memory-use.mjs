// How much memory this process takes: what it has now, and the most that it had since it was last asked to forget.
import { readFileSync, writeFileSync } from "node:fs";

const SAMPLE_MS = 10;
const KIB = 1024;

let sampledPeak = 0;
// A mark that cannot be set back tells of the start of the process, and is not looked at.
const canResetMark = resetMark();

/** Bytes held after two forced collections: the first may leave what only finalizers let go. */
export async function collectedBytes() {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("start it with --expose-gc");
  gc();
  await new Promise((resolve) => setTimeout(resolve, 100));
  gc();
  return residentBytes();
}

/** Forgets the peak. Where the system cannot, memory is looked at so often that little is missed. */
export function forgetPeak() {
  resetMark();
  sampledPeak = residentBytes();
}

export function peakBytes() {
  return Math.max(sampledPeak, canResetMark ? statusBytes("VmHWM") : 0);
}

export function residentBytes() {
  const bytes = statusBytes("VmRSS");
  return bytes > 0 ? bytes : process.memoryUsage.rss();
}

// proc_pid_clear_refs(5): 5 sets the high-water mark to what there is now. Not every system has it or allows it.
function resetMark() {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
    return true;
  } catch {
    return false;
  }
}

setInterval(() => {
  sampledPeak = Math.max(sampledPeak, residentBytes());
}, SAMPLE_MS).unref();

/** @param {string} name */
function statusBytes(name) {
  try {
    const line = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "latin1"));
    return Number(line?.[1] ?? 0) * KIB;
  } catch {
    return 0;
  }
}
