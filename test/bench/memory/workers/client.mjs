// The client of the memory benchmark, on the public API alone. Commands are lines of JSON.
import { createHash } from "node:crypto";
import { RxClient } from "../../../../dist/index.js";
import { answerCommands, closedLoop } from "../../workers/worker.mjs";
import { DIGEST_BYTES, fillPiece, makePayload, PIECE_BYTES, pause } from "./payload.mjs";

const SLOW_STEP_MS = 20;
const UPLOAD_PIECE_BYTES = 64 * 1024;
const SETTLE_MS = 5_000;

answerCommands(async (command) => {
  const begin = performance.now();
  const answer = await run(command);
  return { seconds: (performance.now() - begin) / 1000, ...answer };
});

/** @param {any} command */
function run(command) {
  switch (command.op) {
    case "exchange":
      return exchangeAll(command);
    case "upload":
      return uploadAll(command);
    case "fetch":
      return fetchAll(command);
    case "starve":
      return starve(command);
    case "hold":
      return hold(command);
    case "rpc":
      return rpc(command);
    case "stream":
      return streamAll(command);
    default:
      throw new RangeError(`no such op: ${command.op}`);
  }
}

/**
 * @param {number} port
 * @param {number} serviceId
 * @param {number} calls at once
 * @param {object} [socket]
 */
function connect(port, serviceId, calls, socket = {}) {
  return RxClient.connect({
    host: "127.0.0.1",
    port,
    serviceId,
    connectionsMax: Math.ceil(calls / 4),
    socket,
  });
}

/**
 * Runs `work` for each number at once. @returns how many did well, and what the others said
 *
 * @param {number} count
 * @param {(number: number) => Promise<void>} work
 */
async function together(count, work) {
  const outcomes = await Promise.allSettled(Array.from({ length: count }, (_, number) => work(number)));
  const failures = outcomes.flatMap((one) => (one.status === "rejected" ? [describe(one.reason)] : []));
  return { ok: count - failures.length, failed: failures.length, errors: [...new Set(failures)].slice(0, 5) };
}

/** @param {any} cause */
function describe(cause) {
  return `${cause?.code ?? cause?.name} ${cause?.abortCode ?? ""} ${cause?.message ?? cause}`;
}

/** Calls with as much each way, some of whose ends are slow. Then waits until the client's own buffers are free again. */
async function exchangeAll({ port, serviceId, calls, bytes, deadlineMs, socket }) {
  const client = await connect(port, serviceId, calls, socket);
  try {
    const outcome = await together(calls, (number) => exchange(client, number, bytes, deadlineMs));
    const end = performance.now() + SETTLE_MS;
    while (client.stats().buffers.used > 0 && performance.now() < end) await pause(20);
    const { buffers } = client.stats();
    return { ...outcome, buffers };
  } finally {
    await client.close();
  }
}

/**
 * @param {RxClient} client
 * @param {number} number
 * @param {number} bytes
 * @param {number} deadlineMs
 */
async function exchange(client, number, bytes, deadlineMs) {
  const call = client.open({ deadlineMs });
  try {
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, number);
    const request = makePayload(number, bytes);
    const hash = createHash("sha256").update(head).update(request);
    await call.write(head);
    for (let at = 0; at < bytes; at += PIECE_BYTES) {
      await call.write(request.subarray(at, at + PIECE_BYTES));
      if (number % 10 === 3) await pause(SLOW_STEP_MS);
    }
    await call.end();
    expectSame(await call.read(DIGEST_BYTES), hash.digest(), "the server had other bytes");
    const expected = makePayload(number + 1_000_000, bytes);
    for (let at = 0; at < bytes; at += PIECE_BYTES) {
      expectSame(
        await call.read(PIECE_BYTES),
        expected.subarray(at, at + PIECE_BYTES),
        `wrong bytes at ${at}`,
      );
      if (number % 10 === 7) await pause(SLOW_STEP_MS);
    }
    if ((await call.readAll(1)).length > 0) throw new Error("more bytes than were sent");
  } finally {
    call.close();
  }
}

/**
 * @param {Uint8Array} came
 * @param {Uint8Array} expected
 * @param {string} message
 */
function expectSame(came, expected, message) {
  if (Buffer.compare(came, expected) !== 0) throw new Error(message);
}

/** Requests of `bytes` each, whose replies must be their digests. */
async function uploadAll({ port, serviceId, calls, bytes, deadlineMs = 0 }) {
  const client = await connect(port, serviceId, calls);
  try {
    return await together(calls, (number) => upload(client, number, bytes, deadlineMs));
  } finally {
    await client.close();
  }
}

/**
 * @param {RxClient} client
 * @param {number} number
 * @param {number} bytes
 * @param {number} deadlineMs
 */
async function upload(client, number, bytes, deadlineMs) {
  const call = client.open({ deadlineMs });
  try {
    const hash = createHash("sha256");
    const piece = new Uint8Array(UPLOAD_PIECE_BYTES);
    for (let at = 0; at < bytes; at += piece.length) {
      fillPiece(piece, number, at / piece.length);
      hash.update(piece);
      await call.write(piece);
    }
    await call.end();
    expectSame(await call.readAll(DIGEST_BYTES), hash.digest(), "the digest is another");
  } finally {
    call.close();
  }
}

/** One client each fetches `name`, all at once. */
async function fetchAll({ port, serviceId, clients, name, bytes, digest }) {
  const request = new TextEncoder().encode(name);
  return together(clients, async () => {
    const client = await connect(port, serviceId, 1);
    try {
      const call = client.open({ deadlineMs: 0 });
      const hash = createHash("sha256");
      let length = 0;
      await call.write(request);
      await call.end();
      for await (const chunk of call) {
        hash.update(chunk);
        length += chunk.length;
      }
      call.close();
      if (length !== bytes) throw new Error(`${length} bytes came instead of ${bytes}`);
      if (hash.digest("hex") !== digest) throw new Error("the digest is another");
    } finally {
      await client.close();
    }
  });
}

/** One call that will wait for its reply, and one whose request goes on when its handler has seen the beginning. */
async function starve({ port, writerId, readerId, bytes, holdMs }) {
  const writer = await connect(port, writerId, 1);
  const reader = await connect(port, readerId, 1);
  const outcome = async (client, work) => {
    const call = client.open({ deadlineMs: 20_000 });
    try {
      await call.write(new Uint8Array(4));
      await work(call);
      await call.readAll();
      return "ended well";
    } catch (cause) {
      return describe(cause);
    } finally {
      call.close();
    }
  };
  try {
    const [written, read] = await Promise.all([
      outcome(writer, (call) => call.end()),
      outcome(reader, async (call) => {
        await pause(holdMs);
        await call.write(new Uint8Array(bytes));
        await call.end();
      }),
    ]);
    return { writer: written, reader: read };
  } finally {
    await Promise.all([writer.close(), reader.close()]);
  }
}

/** Begins calls that go on until this process ends. */
async function hold({ port, serviceId, calls }) {
  const client = await connect(port, serviceId, calls);
  for (let number = 0; number < calls; number++) {
    await client.open({ deadlineMs: 0 }).write(new Uint8Array(4));
  }
  return {};
}

/** Small calls, so many at a time. */
async function rpc({ port, serviceId, outstanding, seconds }) {
  const client = await connect(port, serviceId, outstanding);
  const request = new Uint8Array(128);
  try {
    return await closedLoop(outstanding, seconds, async () => {
      await client.call(request);
    });
  } finally {
    await client.close();
  }
}

/** Requests that go on until the time is over, as fast as they are taken. @returns their bytes */
async function streamAll({ port, serviceId, calls, seconds }) {
  const client = await connect(port, serviceId, calls);
  const piece = new Uint8Array(UPLOAD_PIECE_BYTES);
  const end = performance.now() + seconds * 1000;
  let bytes = 0;
  try {
    const outcome = await together(calls, async () => {
      const call = client.open({ deadlineMs: 0 });
      try {
        for (; performance.now() < end; bytes += piece.length) await call.write(piece);
        await call.end();
        await call.readAll(DIGEST_BYTES);
      } finally {
        call.close();
      }
    });
    return { ...outcome, bytes };
  } finally {
    await client.close();
  }
}
