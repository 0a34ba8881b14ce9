// A thread that looks after the search: an input that never ends is written down, and the process ends.
import { mkdirSync, writeFileSync } from "node:fs";
import { workerData } from "node:worker_threads";

const LOOK_MS = 1_000;
const { shared, folder, limitMs } = workerData;
const words = new Int32Array(shared, 0, 2);
const bytes = new Uint8Array(shared, 8);

let lastRun = 0;
words[1] = -1;
let sinceMs = performance.now();
setInterval(() => {
  const run = Atomics.load(words, 0);
  if (run !== lastRun) {
    lastRun = run;
    sinceMs = performance.now();
    return;
  }
  // A length below 0: nothing is running.
  if (words[1] < 0 || performance.now() - sinceMs < limitMs) return;
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/never-ends.txt`;
  writeFileSync(path, `${Buffer.from(bytes.slice(0, words[1])).toString("hex")}\n`);
  process._rawDebug(
    `an input runs for more than ${limitMs} ms; repeat with: npm run fuzz -- --repeat ${path}`,
  );
  process.kill(process.pid, "SIGKILL");
}, LOOK_MS);
