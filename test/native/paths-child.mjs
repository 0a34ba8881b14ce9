// Runs in a network of its own (paths.test.ts), where lo can be made narrow or slow: sends a run of equal datagrams to a
// socket beside it and prints what became of them as one line of JSON. Argument: the file of the addon.
import { createRequire } from "node:module";

const binding = createRequire(import.meta.url)(process.argv[2]);
const HEAD = 5;
const SLOT_BYTES = 65_536;
const LENGTH = 1_444;
const COUNT = 60;

function settings() {
  const words = new Int32Array(21);
  words[0] = 4;
  words[4] = 0x7f000001;
  words[17] = -1;
  words[18] = 4 << 20;
  // Small, so that a slow path fills it.
  words[19] = 20_000;
  words[20] = 1;
  return words;
}

const memory = new Uint8Array(32 * SLOT_BYTES);
const entries = new Int32Array(32 * 8);
const heard = [];
const receiver = settings();
const receiverId = binding.open(receiver, () => {
  const count = binding.receive(receiverId, memory, entries);
  for (let i = 0; i < count; i++) heard.push(entries[i * 8] === LENGTH ? memory[i * SLOT_BYTES] : -1);
  if (heard.length === COUNT) finish();
});

let settled = 0;
let blocked = 0;
let messages = 0;
let lost = 0;
let segments = 1;
const senderId = binding.open(settings(), (events) => {
  if ((events & 2) !== 0) send();
});

function send() {
  const count = COUNT - settled;
  const bytes = new Uint8Array(count * LENGTH);
  const head = new Int32Array(HEAD + count * 8);
  for (let i = 0; i < count; i++) {
    bytes.fill(settled + i, i * LENGTH, (i + 1) * LENGTH);
    head.set([LENGTH, 4, 0, 0, 0, receiver[4], receiver[5]], HEAD + i * 8);
  }
  const taken = binding.send(senderId, bytes, head, count);
  settled += taken;
  lost += head[0];
  messages += head[4];
  segments = head[3];
  if (taken < count) blocked++;
  binding.watch(senderId, settled < COUNT);
}

function finish() {
  const isInOrder = heard.every((value, i) => value === i);
  console.log(
    JSON.stringify({ heard: heard.length, isInOrder, lost, messages, segments, hasBlocked: blocked > 0 }),
  );
  binding.close(receiverId);
  binding.close(senderId);
}

send();
