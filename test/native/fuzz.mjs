// Throws everything at the native addon that a caller could: wrong arguments, memory that shrinks or is shared, datagrams of
// every length, closing at every moment, exceptions in callbacks, workers that are ended. It ends with code 0 unless something
// breaks: a crash, a sanitizer's report, a datagram that is not what was sent.
//
//   node fuzz.mjs FILE.node [--seconds N] [--seed N] [--workers N]
//
// Usually run by asan.mjs. All addresses are of this machine's loopback.
import { createSocket } from "node:dgram";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { isMainThread, Worker, workerData } from "node:worker_threads";

const SLOT_BYTES = 65_536;
const HEAD = 5;
const OPEN_WORDS = 21;
const LOOPBACK = 0x7f000001;

const settings = isMainThread ? readCommandLine() : workerData;
const binding = createRequire(import.meta.url)(settings.file);
const random = makeRandom(settings.seed);
const upTo = (max) => Math.floor(random() * (max + 1));
const pick = (list) => list[upTo(list.length - 1)];
const isDue = makeDeadline(settings.seconds);
const tally = { calls: 0, typeErrors: 0, opened: 0, sent: 0, received: 0, errors: 0, thrown: 0, workers: 0 };
/** Numbers of sockets, open or not any more. */
const ids = [0];
const running = new Set();

const memory = new Uint8Array(32 * SLOT_BYTES);
const entries = new Int32Array(32 * 8);
const quotes = new Uint8Array(32 * 128);
const errorEntries = new Int32Array(32 * 10);

process.on("uncaughtException", (error) => {
  if (error.message !== "on purpose") {
    console.error(error);
    process.exit(1);
  }
  tally.thrown++;
});

await run();
if (isMainThread) {
  for (const id of ids) binding.close(id);
  console.log(JSON.stringify(tally));
} else {
  // Open sockets keep a worker alive: it ends with them, or has closed them.
  if (random() < 0.5) process.exit(0);
  for (const id of ids) binding.close(id);
}

async function run() {
  const acts = [wrongArguments, wrongArguments, plausibleOpens, randomSends, traffic, closedPorts, storm];
  if (settings.workers > 0) acts.push(startWorker);
  while (!isDue()) {
    await pick(acts)();
    await new Promise((resolve) => setImmediate(resolve));
    while (ids.length > 200) binding.close(ids.shift());
  }
  await Promise.all(running);
}

function readCommandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: "string", default: "10" },
      seed: { type: "string", default: "1" },
      workers: { type: "string", default: "2" },
    },
  });
  const [file] = positionals;
  if (file === undefined) throw new Error("name the file of the addon");
  return {
    file,
    seconds: Number(values.seconds),
    seed: Number(values.seed),
    workers: Number(values.workers),
  };
}

function makeDeadline(seconds) {
  const end = performance.now() + seconds * 1_000;
  return () => performance.now() > end;
}

// mulberry32
function makeRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// ---------------------------------------------------------------- arguments

function anyNumber() {
  return pick([
    0,
    1,
    -1,
    0.5,
    64,
    65,
    65_507,
    65_536,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    1e300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -0,
    upTo(1_000),
    pick(ids),
  ]);
}

function anyBuffer() {
  const length = pick([0, 1, 7, 64, 1_000, SLOT_BYTES - 1, SLOT_BYTES, 2 * SLOT_BYTES]);
  switch (upTo(3)) {
    case 0:
      return new SharedArrayBuffer(length);
    case 1: {
      const buffer = new ArrayBuffer(length, { maxByteLength: length + 64 });
      if (length > 16 && random() < 0.5) buffer.resize(length >> 1);
      return buffer;
    }
    default:
      return new ArrayBuffer(length);
  }
}

function anyArray() {
  const Kind = pick([
    Uint8Array,
    Int32Array,
    Int32Array,
    Uint8Array,
    Int8Array,
    Uint32Array,
    Float64Array,
    BigInt64Array,
  ]);
  const buffer = anyBuffer();
  const room = Math.floor(buffer.byteLength / Kind.BYTES_PER_ELEMENT);
  const start = upTo(Math.min(room, 8));
  const array = new Kind(buffer, start * Kind.BYTES_PER_ELEMENT, room === 0 ? 0 : upTo(room - start));
  if (buffer.resizable && random() < 0.5) buffer.resize(0);
  if (buffer instanceof ArrayBuffer && random() < 0.1) structuredClone(buffer, { transfer: [buffer] });
  return array;
}

function anyValue() {
  switch (upTo(10)) {
    case 0:
      return undefined;
    case 1:
      return pick([null, true, false, "", "7", 7n, Symbol("x")]);
    case 2:
      return pick([
        {},
        [],
        () => undefined,
        new Proxy(new Uint8Array(9), {}),
        new DataView(new ArrayBuffer(9)),
      ]);
    case 3:
    case 4:
    case 5:
      return anyNumber();
    case 6:
      return pick(ids);
    default:
      return anyArray();
  }
}

function attempt(name, values) {
  tally.calls++;
  try {
    return binding[name](...values);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    tally.typeErrors++;
    return undefined;
  }
}

function wrongArguments() {
  for (let i = 0; i < 200; i++) {
    const name = pick(["open", "close", "watch", "receive", "readErrors", "send"]);
    const values = Array.from({ length: upTo(5) }, anyValue);
    // One that is right makes the others matter.
    if (values.length > 0 && name !== "open" && random() < 0.5) values[0] = pick(ids);
    // What is sent goes to the loopback alone: random words could name any host.
    if (name === "send" && values[2] instanceof Int32Array && typeof values[3] === "number" && values[3] > 0)
      continue;
    if (name === "open" && values[0] instanceof Int32Array && values[0].length >= OPEN_WORDS) continue;
    const result = attempt(name, values);
    if (name === "open" && result >= 0) ids.push(result);
  }
}

// ---------------------------------------------------------------- sockets

function openSettings() {
  const words = new Int32Array(OPEN_WORDS);
  const isIpv6 = random() < 0.3;
  words[0] = isIpv6 ? 6 : 4;
  words[4] = isIpv6 ? 1 : LOOPBACK;
  words[17] = -1;
  words[18] = pick([0, 1024, 65_536, 4 << 20]);
  words[19] = pick([0, 1024, 65_536, 4 << 20]);
  words[20] = upTo(1);
  return words;
}

function open(callback) {
  const words = openSettings();
  const id = binding.open(words, callback);
  if (id < 0) throw new Error(`open: ${id}`);
  tally.opened++;
  ids.push(id);
  return { id, words, isIpv6: words[0] === 6 };
}

function plausibleOpens() {
  for (let i = 0; i < 20; i++) {
    const words = openSettings();
    for (let n = upTo(3); n > 0; n--) {
      const at = upTo(OPEN_WORDS - 1);
      // The peer's address decides where packets go, so it stays.
      if (at < 6 || at > 11) words[at] = pick([0, 1, -1, 4, 6, 10, 99, 2 ** 31 - 1, upTo(70_000)]);
    }
    const id = attempt("open", [
      random() < 0.1 ? new Int32Array(new SharedArrayBuffer(84)).fill(4) : words,
      () => undefined,
    ]);
    if (id >= 0) ids.push(id);
  }
}

function writeEntry(head, i, length, to, isIpv6) {
  const at = HEAD + i * 8;
  head[at] = length;
  head[at + 1] = isIpv6 ? 6 : 4;
  head[at + 2] = head[at + 3] = head[at + 4] = 0;
  head[at + 5] = isIpv6 ? 1 : LOOPBACK;
  head[at + 6] = to;
}

function randomSends() {
  const { id, isIpv6 } = open(() => undefined);
  for (let i = 0; i < 30; i++) {
    const count = upTo(70);
    const head = new Int32Array(HEAD + Math.max(0, count - pick([0, 0, 0, 1, 5])) * 8);
    let sum = 0;
    const same = upTo(1_500);
    for (let n = 0; n < count && HEAD + (n + 1) * 8 <= head.length; n++) {
      const length = pick([
        same,
        same,
        same,
        same,
        upTo(same),
        0,
        upTo(9_000),
        65_507,
        ...(random() < 0.01 ? [-1, 65_508, 2 ** 31 - 1] : []),
      ]);
      const family = random() < 0.02 ? !isIpv6 : isIpv6;
      writeEntry(
        head,
        n,
        length,
        pick([9, 9, 9, 0, 65_535, ...(random() < 0.01 ? [-1, 65_536] : [])]),
        family,
      );
      sum += Math.max(length, 0);
    }
    if (sum > 4e6) continue;
    attempt("send", [id, new Uint8Array(Math.max(0, sum - pick([0, 0, 0, 1, 100]))), head, count]);
  }
  readErrors(id);
  if (random() < 0.8) binding.close(id);
}

function readErrors(id) {
  const count = binding.readErrors(
    id,
    quotes.subarray(0, upTo(quotes.length)),
    errorEntries.subarray(0, upTo(errorEntries.length)),
  );
  if (count > 0) tally.errors += count;
}

// Datagrams of every length between two sockets of ours and one of Node's; each says what it should be.
async function traffic() {
  let heard = 0;
  let isOver = false;
  const hear = (socket) => {
    const entries = new Int32Array(8 * (1 + upTo(31)));
    const count = binding.receive(socket.id, memory, entries);
    for (let i = 0; i < count; i++) {
      const length = entries[i * 8];
      if (length < 0) throw new Error("a datagram without a length");
      if (
        length > 0 &&
        (memory[i * SLOT_BYTES] !== (length & 255) || memory[i * SLOT_BYTES + length - 1] !== (length & 255))
      )
        throw new Error(`a datagram of ${length} bytes is not what was sent`);
      heard++;
    }
    tally.received += Math.max(count, 0);
  };
  const ends = [];
  for (let i = 0; i < 2; i++) {
    const end = open((events) => {
      if (isOver) return;
      if ((events & 4) !== 0) readErrors(end.id);
      hear(end);
      if ((events & 2) !== 0) binding.watch(end.id, random() < 0.5);
      if (random() < 0.01) throw new Error("on purpose");
      if (random() < 0.005) binding.close(end.id);
    });
    ends.push(end);
  }
  const plain = createSocket("udp4");
  await new Promise((resolve) => plain.bind(0, "127.0.0.1", resolve));
  for (let round = 0; round < 10; round++) {
    const [from, to] = random() < 0.5 ? ends : [ends[1], ends[0]];
    const head = new Int32Array(HEAD + 64 * 8);
    const count = upTo(64);
    const same = 1 + upTo(1_600);
    const lengths = Array.from({ length: count }, () =>
      pick([same, same, same, 0, upTo(9_000), ...(random() < 0.1 ? [65_507] : [])]),
    );
    const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    let offset = 0;
    lengths.forEach((length, i) => {
      bytes.fill(length & 255, offset, offset + length);
      offset += length;
      writeEntry(head, i, length, to.words[5], from.isIpv6);
    });
    if (from.isIpv6 === to.isIpv6) {
      const settled = binding.send(from.id, bytes, head, count);
      if (settled > 0) tally.sent += settled;
      if (settled >= 0 && settled < count) binding.watch(from.id, true);
    }
    if (!to.isIpv6) plain.send(new Uint8Array(same).fill(same & 255), to.words[5], "127.0.0.1");
    for (let turns = upTo(3); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
  }
  isOver = random() < 0.5;
  plain.close();
  for (const end of ends) if (random() < 0.9) binding.close(end.id);
  return heard;
}

async function closedPorts() {
  const gone = open(() => undefined);
  binding.close(gone.id);
  const { id, isIpv6 } = open((events) => {
    if ((events & 4) !== 0) readErrors(id);
    binding.receive(id, memory, entries);
  });
  if (isIpv6 !== gone.isIpv6) return;
  for (let i = 0; i < 5; i++) {
    const head = new Int32Array(HEAD + 64 * 8);
    for (let n = 0; n < 64; n++) writeEntry(head, n, 20 * i, gone.words[5], isIpv6);
    binding.send(id, new Uint8Array(64 * 80), head, 64);
    if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
  }
  if (random() < 0.8) binding.close(id);
}

async function storm() {
  const some = Array.from({ length: 1 + upTo(100) }, () => open(() => undefined).id);
  if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
  for (const id of some) {
    if (random() < 0.95) binding.close(id);
    if (random() < 0.05) binding.close(id);
  }
}

// Beside all else: two environments of one process have nothing in common but its descriptors.
function startWorker() {
  if (running.size >= settings.workers) return;
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { file: settings.file, seed: upTo(1e9), seconds: 0.2 + random(), workers: 0 },
  });
  tally.workers++;
  const ended = new Promise((resolve, reject) => {
    worker.once("exit", resolve);
    worker.once("error", reject);
  });
  const entry = ended.finally(() => running.delete(entry));
  running.add(entry);
  if (random() < 0.7) setTimeout(() => void worker.terminate(), random() * 1_000).unref();
}
