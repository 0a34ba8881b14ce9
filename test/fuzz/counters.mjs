// The counters that instrumented code counts in: one byte for each branch of src/, given out as the files are loaded.

// More than twice the branches that src/ has today.
const COUNTERS_MAX = 1 << 15;

/** Makes the counters and the function that instrumented modules take theirs from. */
export function createCounters() {
  const counters = { bytes: new Uint8Array(COUNTERS_MAX), used: 0 };
  globalThis.rxrpcFuzzCounters = counters;
  globalThis.rxrpcTakeCounters = (count) => {
    const from = counters.used;
    counters.used += count;
    if (counters.used > COUNTERS_MAX)
      throw new Error(`more than ${COUNTERS_MAX} branches: raise COUNTERS_MAX`);
    return counters.bytes.subarray(from, counters.used);
  };
}
