// The server base and its handlers, promises and all, under faults in virtual time.
import { describe, expect, test } from "vitest";
import {
  type RpcServer,
  RxAbort,
  type RxClient,
  type RxError,
  RxOptionError,
  type ServerCall,
  SharedChunk,
  service,
} from "../../src/index.js";
import { runSeeds, type Simulation } from "../../src/testing/index.js";

const HONEST = 50;
const FAULTS = {
  lossRate: 0.05,
  lossBurstMax: 3,
  copyRate: 0.05,
  reorderRate: 0.05,
  delayMeanUs: 4_000,
  delayJitterUs: 4_000,
};
const SEEDS = Number(process.env["RXRPC_SIM_TIMES"] ?? 1) * 10;

interface BadHandler {
  readonly run: (call: ServerCall, simulation: Simulation) => unknown;
  /** Abort codes that its client may see; empty: the call succeeds. */
  readonly codes: readonly number[];
}

/** The ways in which handlers go wrong, each with what its client is told. */
const BAD: Readonly<Record<string, BadHandler>> = {
  "throws at once": {
    run: () => {
      throw new Error("at once");
    },
    codes: [-6],
  },
  "rejects after waiting": {
    run: async (_call, simulation) => {
      await simulation.sleep(30);
      throw new RxAbort(4_001);
    },
    codes: [4_001],
  },
  "returns nonsense": { run: () => ({ nothing: "of use" }), codes: [-6] },
  "fails after it has written": {
    run: async (call) => {
      await call.write(new Uint8Array(3_000));
      throw new RxAbort(4_002);
    },
    codes: [4_002],
  },
  "settles only when its call is given up": {
    run: (call) =>
      new Promise((_resolve, reject) => {
        call.signal.addEventListener("abort", () => reject(call.signal.reason as Error));
      }),
    codes: [-3],
  },
  "does not look at its request": { run: () => new Uint8Array(3), codes: [] },
  "writes more than it may": {
    run: async (call) => {
      for (;;) await call.write(new Uint8Array(50_000));
    },
    codes: [-6],
  },
  "answers twice": {
    run: async (call) => {
      await call.end(new Uint8Array(1));
      await call.end(new Uint8Array(1));
    },
    codes: [-6],
  },
  "goes on after it has aborted": {
    run: async (call) => {
      call.abort(4_003);
      await call.write(new Uint8Array(10));
    },
    codes: [4_003],
  },
  "is thrown at by its own listener": {
    run: async (call, simulation) => {
      call.arena.link({
        release: () => {
          throw new Error("while the arena is cleared");
        },
      });
      const chunk = new SharedChunk(new Uint8Array(20_000), () => {
        throw new Error("while the chunk is disposed of");
      });
      await call.writeShared(chunk);
      chunk.release();
      await simulation.sleep(1);
    },
    codes: [],
  },
};

function expectAtRest(server: RpcServer): void {
  for (const { calls, buffers, work, spill } of server.stats()) {
    expect([calls.used, buffers.used, work.used, spill.used]).toEqual([0, 0, 0, 0]);
    expect(buffers.waiters).toBe(0);
  }
}

/** A server with an honest echo and every bad handler, each as a service of its own. */
async function start(simulation: Simulation, faults: unknown[]): Promise<RpcServer> {
  const server = simulation.server({
    buffersMax: 200,
    onFault: (cause) => {
      faults.push(cause);
    },
  });
  server.add(
    service({
      id: HONEST,
      async call(call) {
        const request = await call.readAll();
        await simulation.sleep(simulation.prng.below(20));
        return request;
      },
    }),
  );
  for (const [i, name] of Object.keys(BAD).entries()) {
    const bad = BAD[name] as BadHandler;
    server.add(
      service({
        id: HONEST + 1 + i,
        name,
        backlog: 4,
        maxReplyBytes: 200_000,
        deadlineMs: 5_000,
        call: (call) => bad.run(call, simulation) as undefined,
      }),
    );
  }
  await simulation.run(server.start());
  return server;
}

function clientOf(simulation: Simulation, server: RpcServer, serviceId: number): Promise<RxClient> {
  return simulation.client({ host: "127.0.0.1", port: server.port, serviceId });
}

async function outcomeOf(call: Promise<unknown>): Promise<number | string> {
  return call.then(
    () => 0,
    (cause: RxError) => cause.abortCode ?? cause.code,
  );
}

describe("S19: ten kinds of bad handler", () => {
  test("each call ends with its code, the calls beside are answered, and nothing is left", async () => {
    await runSeeds({ count: SEEDS, faults: FAULTS }, async (simulation) => {
      const faults: unknown[] = [];
      const server = await start(simulation, faults);
      const honest = await clientOf(simulation, server, HONEST);
      const names = Object.keys(BAD);
      const bad = await Promise.all(names.map((_, i) => clientOf(simulation, server, HONEST + 1 + i)));
      const requests = Array.from({ length: 20 }, (_, i) => new Uint8Array(4_000).fill(i));
      const [replies, codes] = await simulation.run(
        Promise.all([
          Promise.all(requests.map((request) => honest.call(request))),
          Promise.all(
            bad.flatMap((client) => [1, 2, 3].map((n) => outcomeOf(client.call(new Uint8Array(n * 2_000))))),
          ),
        ]),
      );
      expect(replies.map((reply, i) => reply.length === 4_000 && reply.every((byte) => byte === i))).toEqual(
        requests.map(() => true),
      );
      for (const [at, code] of codes.entries()) {
        const name = names[Math.floor(at / 3)] as string;
        const allowed = (BAD[name] as BadHandler).codes;
        expect(allowed.length === 0 ? [0] : allowed, name).toContain(code);
      }
      for (const client of [honest, ...bad]) await simulation.run(client.close());
      await simulation.run(server.drain({ timeoutMs: 60_000 }));
      expect(server.running).toBe(0);
      expectAtRest(server);
      // Told by name, and nothing of it is one of ours.
      expect(faults.length).toBeGreaterThan(0);
      for (const fault of faults) expect(fault).not.toBeInstanceOf(RxOptionError);
    });
  });
});

describe("S31: stop in every state", () => {
  test("whenever it is told to, the server ends in time, every call has an end, and nothing is left", async () => {
    await runSeeds({ count: SEEDS * 3, faults: FAULTS }, async (simulation) => {
      const faults: unknown[] = [];
      const server = await start(simulation, faults);
      const client = await clientOf(simulation, server, HONEST);
      const hung = await clientOf(simulation, server, HONEST + 5);
      const calls = Array.from({ length: 30 }, (_, i) =>
        outcomeOf((i % 5 === 0 ? hung : client).call(new Uint8Array(i * 1_500))),
      );
      await simulation.runFor(simulation.prng.below(300));
      const timeoutMs = simulation.prng.below(3) * 500;
      const beganMs = simulation.nowMs;
      await simulation.run(server.drain({ timeoutMs }), timeoutMs + 1_000);
      expect(simulation.nowMs - beganMs).toBeLessThanOrEqual(timeoutMs + 100);
      // A handler that sleeps holds its call until it wakes up.
      await simulation.runFor(1_000);
      expect(server.running).toBe(0);
      expectAtRest(server);
      const codes = await simulation.run(Promise.all(calls), 120_000);
      // Answered, told that the server restarts, or left alone by a server that is not there any more.
      for (const code of codes) expect([0, -100, -3, -1]).toContain(code);
      await simulation.run(client.close());
      await simulation.run(hung.close());
    });
  });
});

describe("S37: both roles on one socket", () => {
  test("two sockets call each other's services at the same time", async () => {
    await runSeeds({ count: SEEDS, faults: FAULTS }, async (simulation) => {
      const sockets = [await simulation.bind(), await simulation.bind()] as const;
      for (const socket of sockets) {
        const plain = socket.service({ id: HONEST });
        plain.listen(32);
        void (async () => {
          let id = 0n;
          for await (const incoming of plain) {
            const call = incoming.accept(id++ * 2n + (socket === sockets[0] ? 0n : 1n));
            void call
              .readAll()
              .then((request) => call.write(request))
              .then(() => call.finish())
              .catch(() => call.abort());
          }
        })();
      }
      const [left, right] = sockets;
      const to = (port: number) => ({ host: "127.0.0.1", port, serviceId: HONEST });
      const [there, back] = [left.connect(to(right.port)), right.connect(to(left.port))];
      const replies = await simulation.run(
        Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            (i % 2 === 0 ? there : back).call(new Uint8Array(i * 700).fill(i)),
          ),
        ),
      );
      for (const [i, reply] of replies.entries()) {
        expect(reply).toHaveLength(i * 700);
        expect(reply.every((byte) => byte === i)).toBe(true);
      }
      for (const socket of sockets) await simulation.run(socket.close());
    });
  });
});
