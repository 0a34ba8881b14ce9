// Runtime and application: handlers that misbehave in every way, and what their clients and neighbours notice of it.
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  RpcServer,
  type RpcServerOptions,
  RxAbort,
  RxClient,
  RxSocket,
  type ServerCall,
  type ServiceOptions,
  service,
} from "../../../src/index.js";
import type { DatagramTransport } from "../../../src/transport/transport.js";
import { getInt32 } from "../../../src/util/bytes.js";
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { eventually } from "../../eventually.js";

const BAD_ID = 53;
const GOOD_ID = 54;
const TYPE_AT = 20;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Served {
  readonly server: RpcServer;
  /** Of the service under test. */
  readonly client: RxClient;
  readonly faults: unknown[];
  /** Types of the packets that the server has sent. */
  readonly sent: number[];
  /** Codes of the ABORTs among them. */
  readonly abortCodes: Set<number>;
  /** A neighbour's call, which must never notice anything. */
  good(): Promise<Uint8Array>;
}

async function serve(
  call: ServiceOptions["call"],
  options: Partial<ServiceOptions> = {},
  serverOptions: RpcServerOptions = {},
): Promise<Served> {
  const faults: unknown[] = [];
  const sent: number[] = [];
  const abortCodes = new Set<number>();
  const see = (bytes: Uint8Array, offset: number): void => {
    const type = bytes[offset + TYPE_AT] as number;
    sent.push(type);
    if (type === PacketType.Abort) abortCodes.add(getInt32(bytes, offset + HEADER_SIZE));
  };
  const server = new RpcServer({
    onFault: (cause) => void faults.push(cause),
    wrapTransport: (udp) => tapped(udp, see),
    ...serverOptions,
  });
  server.add(service({ id: BAD_ID, call, ...options }));
  server.add(service({ id: GOOD_ID, call: (each) => each.readAll() }));
  await server.start();
  closers.push(() => server.close());
  const open = async (serviceId: number): Promise<RxClient> => {
    const client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId });
    closers.push(() => client.close());
    return client;
  };
  const [client, neighbour] = [await open(BAD_ID), await open(GOOD_ID)];
  return { server, client, faults, sent, abortCodes, good: () => neighbour.call(Uint8Array.of(5)) };
}

/** A transport that shows what is sent; one that `refuses` a datagram loses it. */
function tapped(
  udp: DatagramTransport,
  see: (bytes: Uint8Array, offset: number) => void,
  refuses: () => boolean = () => false,
): DatagramTransport {
  return {
    local: udp.local,
    counters: udp.counters,
    open: (sink) => udp.open(sink),
    close: () => udp.close(),
    send: (bytes, offset, length, remote, host) => {
      if (refuses()) return false;
      see(bytes, offset);
      return udp.send(bytes, offset, length, remote, host);
    },
  };
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ resolved: value }),
    (cause: { code?: string; abortCode?: number }) => [cause.code, cause.abortCode],
  );

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("G: handlers that misbehave", () => {
  const rejectWith = async (cause: unknown): Promise<never> => raise(cause);
  const bad: [string, () => unknown, number, boolean][] = [
    ["throws", () => raise(new Error("no")), -6, true],
    ["throws nothing at all", () => raise(undefined), -6, true],
    ["rejects", () => rejectWith(new Error("no")), -6, true],
    ["rejects with null", () => rejectWith(null), -6, true],
    ["throws a code of its own", () => raise(new RxAbort(77)), 77, false],
    ["rejects with a code of its own", () => rejectWith(new RxAbort(-77)), -77, false],
    ["returns a number", () => 5, -6, true],
    ["resolves with a text", () => Promise.resolve("no"), -6, true],
    ["returns null", () => null, -6, true],
    ["returns what only looks like a promise", () => ({ then: () => undefined }), -6, true],
  ];
  test.each(bad)(
    "G1: a handler that %s ends its call with a code, and gives its slot back",
    async (_, call, code, isFault) => {
      const { server, client, faults, good } = await serve(call as ServiceOptions["call"], {
        concurrency: 1,
      });
      for (let i = 0; i < 3; i++) {
        expect(await failure(client.call(new Uint8Array(3)))).toEqual(["RX_ERR_CALL_ABORTED", code]);
      }
      expect(faults.length).toBe(isFault ? 3 : 0);
      expect(server.running).toBe(0);
      expect(server.handlers()[0]).toMatchObject({ started: 3, failed: 3 });
      expect(await good()).toEqual(Uint8Array.of(5));
    },
  );

  test("G2: of a handler that fails in the step in which it wrote, nothing is sent but the abort", async () => {
    const { client, sent } = await serve((call) => {
      void call.write(new Uint8Array(10_000)).catch(() => undefined);
      throw new RxAbort(9);
    });
    expect(await failure(client.call(new Uint8Array(3)))).toEqual(["RX_ERR_CALL_ABORTED", 9]);
    expect(sent).toContain(PacketType.Abort);
    expect(sent).not.toContain(PacketType.Data);
  });

  test("G2: a reply that was begun and then failed is never taken for a whole one", async () => {
    const { client, good } = await serve(async (call) => {
      await call.readAll();
      await call.write(new Uint8Array(30_000));
      await nextTurn();
      throw new RxAbort(9);
    });
    expect(await failure(client.call(new Uint8Array(3)))).toEqual(["RX_ERR_CALL_ABORTED", 9]);
    const call = client.open();
    await call.end(new Uint8Array(3));
    let chunks = 0;
    const reading = (async () => {
      for await (const chunk of call) chunks += chunk.length;
    })();
    expect(await failure(reading)).toEqual(["RX_ERR_CALL_ABORTED", 9]);
    expect(chunks).toBeLessThan(30_000);
    call.close();
    expect(await good()).toEqual(Uint8Array.of(5));
  });

  test("G3: a handler that never settles is told, its client gets the code, and its slot is taken until it ends", async () => {
    let settle = (): void => undefined;
    let reason: unknown;
    const { server, client, good } = await serve(
      (call) => {
        call.signal.addEventListener("abort", () => (reason = call.signal.reason));
        return new Promise<undefined>((resolve) => (settle = () => resolve(undefined)));
      },
      { deadlineMs: 50, concurrency: 1, refusal: { abort: 33 } },
    );
    expect(await failure(client.call(new Uint8Array(3)))).toEqual(["RX_ERR_CALL_ABORTED", -3]);
    expect(reason).toMatchObject({ code: "RX_ERR_CALL_TIMEOUT" });
    expect(server.running).toBe(1);
    expect(await failure(client.call(new Uint8Array(3)))).toEqual(["RX_ERR_CALL_ABORTED", 33]);
    expect(await good()).toEqual(Uint8Array.of(5));
    settle();
    await eventually(() => expect(server.running).toBe(0));
  });

  test("G3: a handler that ignores its input holds no more than a window of it", async () => {
    const gate: { open: () => void } = { open: () => undefined };
    const { server, client } = await serve(
      () => new Promise<undefined>((resolve) => (gate.open = () => resolve(undefined))),
      {},
      { receiveWindowPackets: 16 },
    );
    const call = client.open();
    const writing = call.write(new Uint8Array(1 << 20)).catch(() => undefined);
    await eventually(() => expect(server.stats()[0]?.buffers.used).toBeGreaterThanOrEqual(16));
    for (let i = 0; i < 5; i++) await nextTurn();
    expect(server.stats()[0]?.buffers.used).toBeLessThanOrEqual(20);
    gate.open();
    call.close();
    await writing;
    await eventually(() => expect([server.running, server.stats()[0]?.buffers.used]).toEqual([0, 0]));
  });

  test("G5: a second answer is an error to the handler only", async () => {
    const told: unknown[] = [];
    const { client, faults } = await serve(async (call) => {
      await call.readAll();
      await call.end(Uint8Array.of(1));
      told.push(await failure(call.end(Uint8Array.of(2))));
      told.push(await failure(call.write(Uint8Array.of(3))));
    });
    expect(await client.call(new Uint8Array(3))).toEqual(Uint8Array.of(1));
    expect(told.map((each) => (each as string[])[0])).toEqual(["RX_ERR_CALL_STATE", "RX_ERR_CALL_STATE"]);
    expect(faults).toEqual([]);
  });

  test("G5: an answer after the handler's own abort, or after its return, is an error to it only", async () => {
    const told: unknown[] = [];
    let late: ServerCall | undefined;
    const { client, abortCodes, faults } = await serve(async (call) => {
      const [kind] = await call.readAll();
      if (kind === 1) {
        call.abort(11);
        told.push(await failure(call.write(Uint8Array.of(3))));
        told.push(await failure(call.end()));
        call.abort(12);
        return undefined;
      }
      late = call;
      return Uint8Array.of(7);
    });
    expect(await failure(client.call(Uint8Array.of(1)))).toEqual(["RX_ERR_CALL_ABORTED", 11]);
    // The first one may have been said again, to a late packet.
    expect(abortCodes).toEqual(new Set([11]));
    expect(await client.call(Uint8Array.of(2))).toEqual(Uint8Array.of(7));
    told.push(await failure((late as ServerCall).write(Uint8Array.of(8))));
    late?.abort(13);
    expect(told.map((each) => Array.isArray(each) && String(each[0]).startsWith("RX_ERR_"))).toEqual([
      true,
      true,
      true,
    ]);
    expect(faults).toEqual([]);
  });

  test("G5: an answer after the server has stopped is an error to the handler only", async () => {
    let answer = (): Promise<unknown> => Promise.resolve();
    const { server, client, faults } = await serve(
      (call) =>
        new Promise<undefined>((resolve) => {
          answer = async () => {
            const outcome = await failure(call.write(Uint8Array.of(3)));
            resolve(undefined);
            return outcome;
          };
        }),
    );
    const ended = failure(client.call(new Uint8Array(1)));
    await eventually(() => expect(server.running).toBe(1));
    await server.close();
    expect(await ended).toEqual(["RX_ERR_CALL_ABORTED", -100]);
    expect(String((await answer()) as string[])).toMatch(/^RX_ERR_/);
    await nextTurn();
    expect([server.running, faults]).toEqual([0, []]);
  });

  test("G6: callbacks that throw cost their own call, and are reported", async () => {
    const faults: unknown[] = [];
    const socket = await RxSocket.bind({ onFault: (cause) => void faults.push(cause) });
    closers.push(() => socket.close());
    const discarded: bigint[] = [];
    const listener = socket.service({
      id: BAD_ID,
      onNewCall: (call, userId) => {
        if (userId === 1n) throw new Error("onNewCall");
        call.onEnded = () => raise(new Error("onEnded"));
        void call.readAll().then(() => call.finish());
      },
      onDiscardCall: (_call, userId) => {
        discarded.push(userId);
        throw new Error("onDiscardCall");
      },
    });
    listener.listen(4);
    expect(() => listener.chargeAccept(9n, () => raise(new Error("attach")))).toThrow("attach");
    for (const id of [1n, 2n, 3n, 4n]) listener.chargeAccept(id);
    const client = await RxClient.connect({ host: "127.0.0.1", port: socket.port, serviceId: BAD_ID });
    closers.push(() => client.close());
    expect(await failure(client.call(new Uint8Array(1)))).toEqual(["RX_ERR_CALL_ABORTED", -6]);
    expect(await client.call(new Uint8Array(1))).toEqual(new Uint8Array(0));
    await eventually(() => expect(faults.map((fault) => (fault as Error).message)).toContain("onEnded"));
    listener.close();
    expect(discarded).toEqual([3n, 4n]);
    expect(faults.map((fault) => (fault as Error).message).sort()).toEqual([
      "onDiscardCall",
      "onDiscardCall",
      "onEnded",
      "onNewCall",
    ]);
  });

  test("G6: an onFault that throws keeps no call and no slot", async () => {
    const warnings = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const { server, client, good } = await serve(
      () => raise(new Error("handler")),
      { concurrency: 1 },
      { onFault: () => raise(new Error("onFault")) },
    );
    for (let i = 0; i < 3; i++) {
      expect(await failure(client.call(new Uint8Array(1)))).toEqual(["RX_ERR_CALL_ABORTED", -6]);
    }
    expect([server.running, await good()]).toEqual([0, Uint8Array.of(5)]);
    expect(String(warnings.mock.calls[0]?.[0])).toContain("onFault");
    warnings.mockRestore();
  });

  test("G10: a network that refuses every third datagram costs packets, and no call", async () => {
    let sends = 0;
    const { server, client } = await serve(
      (call) => call.readAll(),
      {},
      {
        wrapTransport: (udp) =>
          tapped(
            udp,
            () => undefined,
            () => sends++ % 3 === 2,
          ),
      },
    );
    const request = Uint8Array.from({ length: 20_000 }, (_, i) => i * 7);
    for (let i = 0; i < 3; i++) expect(Buffer.compare(await client.call(request), request)).toBe(0);
    expect(sends).toBeGreaterThan(20);
    expect(server.handlers()[0]).toMatchObject({ started: 3, failed: 0 });
  });

  test("G14: a call whose worker dies is aborted, and one whose worker comes back late hears nothing of it", async () => {
    const late: unknown[] = [];
    let asked = 0;
    const { server, client, good } = await serve(async (call) => {
      const bytes = await call.readAll();
      const worker = new Worker(WORKER, { eval: true });
      try {
        // What was read is the handler's own, so that it can be given away without a copy.
        const answer = await new Promise<Uint8Array>((resolve, reject) => {
          worker.once("message", resolve);
          worker.once("error", reject);
          worker.once("exit", () => reject(new Error("the worker has died")));
          call.signal.addEventListener("abort", () => worker.postMessage("the call is over"), { once: true });
          worker.postMessage(bytes, [bytes.buffer as ArrayBuffer]);
          asked++;
        });
        if (call.isEnded) late.push(await failure(call.write(answer)));
        return answer;
      } finally {
        await worker.terminate();
      }
    });
    expect(await client.call(Uint8Array.of(1, 2, 3))).toEqual(Uint8Array.of(2, 3, 4));
    expect(await failure(client.call(Uint8Array.of(255)))).toEqual(["RX_ERR_CALL_ABORTED", -6]);
    const cancel = new AbortController();
    const cancelled = failure(client.call(Uint8Array.of(254), { signal: cancel.signal }));
    await eventually(() => expect(asked).toBe(3));
    cancel.abort();
    await cancelled;
    await eventually(() => expect(late.length).toBe(1));
    expect(String(late[0])).toMatch(/^RX_ERR_/);
    await eventually(() => expect(server.running).toBe(0));
    expect(await good()).toEqual(Uint8Array.of(5));
    await eventually(() => expect(server.stats()[0]?.buffers.used).toBe(0));
  });

  test("G16: what a handler has read stays as it was when other calls use the buffers", async () => {
    const kept: Uint8Array[] = [];
    const { server, client } = await serve(
      async (call) => {
        kept.push(await call.read(4), await call.readAll());
        return Uint8Array.of(1);
      },
      {},
      { buffersMax: 16 },
    );
    for (let i = 0; i < 40; i++) await client.call(new Uint8Array(2_000).fill(i));
    kept.forEach((bytes, i) => {
      expect(bytes.every((byte) => byte === i >> 1)).toBe(true);
    });
    expect(server.stats()[0]?.buffers.highWater).toBeLessThanOrEqual(16);
  });
});

function raise(cause: unknown): never {
  throw cause;
}

/** Adds one to each byte; 255 kills it, 254 makes it late: it answers to the next message. */
const WORKER = `
const { parentPort } = require("node:worker_threads");
parentPort.once("message", (bytes) => {
  if (bytes[0] === 255) process.exit(1);
  const answer = () => parentPort.postMessage(bytes.map((byte) => byte + 1));
  if (bytes[0] === 254) parentPort.once("message", answer);
  else answer();
});
`;
