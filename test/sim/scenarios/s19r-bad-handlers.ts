// S19R: the bad handlers of the server base: they throw, reject, wait for ever, answer twice. Each call ends with its code, the
// calls beside them are answered, and nothing is left.
import {
  type RpcServer,
  RxAbort,
  RxOptionError,
  type ServerCall,
  SharedChunk,
  service,
} from "../../../src/index.js";
import { Violation } from "../checkers.js";
import { HandlerError } from "../handler-error.js";
import type { RpcWorld } from "../rpc-world.js";
import type { RpcScenario } from "../run-rpc-seed.js";

const HONEST = 50;

interface BadHandler {
  readonly run: (call: ServerCall, world: RpcWorld) => unknown;
  /** Abort codes that its client may see; empty: the call succeeds. */
  readonly codes: readonly number[];
  /** Default: longer than a bad path can make a call last. */
  readonly deadlineMs?: number;
}

/** The ways in which handlers go wrong, each with what its client is told. */
const BAD: Readonly<Record<string, BadHandler>> = {
  "throws at once": {
    run: () => {
      throw new HandlerError("at once");
    },
    codes: [-6],
  },
  "rejects after waiting": {
    run: async (_call, world) => {
      await world.sleep(30);
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
    deadlineMs: 5_000,
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
    run: async (call, world) => {
      call.arena.link({
        release: () => {
          throw new HandlerError("while the arena is cleared");
        },
      });
      const chunk = new SharedChunk(new Uint8Array(20_000), () => {
        throw new HandlerError("while the chunk is disposed of");
      });
      await call.writeShared(chunk);
      chunk.release();
      await world.sleep(1);
    },
    codes: [],
  },
};

const NAMES = Object.keys(BAD);

export const s19r: RpcScenario = {
  id: "S19R",
  title: "ten kinds of bad handler, in the server base",
  path: { delayMeanUs: 4_000 },
  faults: ["loss", "burst", "jitter", "reorder", "copy", "sendError"],
  async play(world) {
    const server = await start(world);
    const honest = await world.client(server.port, HONEST);
    const requests = Array.from({ length: world.countOf(20) }, () => world.request(4_000));
    const answered = requests.map(async (request) => {
      await world.sleep(world.prng.below(2_000));
      world.checkEcho(request, await honest.call(request));
    });
    const failed = NAMES.map(async (name, i) => {
      const client = await world.client(server.port, HONEST + 1 + i);
      for (const bytes of [0, 2_000, 6_000]) {
        const outcome = await world.outcomeOf(client.call(new Uint8Array(bytes)));
        checkOutcome(name, outcome);
      }
    });
    await world.run(Promise.all([...answered, ...failed]));
    await world.run(server.drain({ timeoutMs: 60_000 }));
    world.checkStopped(server);
    // Told by name, and nothing of it is one of ours.
    if (world.reported.length === 0)
      throw new Violation("S19", "nobody was told of what handlers have thrown");
    const own = world.reported.find((cause) => cause instanceof RxOptionError);
    if (own !== undefined) throw new Violation("O9", `reported as a handler's: ${String(own)}`);
  },
};

function checkOutcome(name: string, outcome: number | string): void {
  const { codes } = BAD[name] as BadHandler;
  const allowed: readonly (number | string)[] = codes.length === 0 ? [0] : codes;
  if (!allowed.includes(outcome))
    throw new Violation("S19", `a handler that ${name}: its client sees ${outcome}`);
}

/** A server with an honest echo and every bad handler, each as a service of its own. */
async function start(world: RpcWorld): Promise<RpcServer> {
  const server = world.server({ buffersMax: 200 });
  server.add(
    service({
      id: HONEST,
      async call(call) {
        const request = await call.readAll();
        world.noteRun(request);
        await world.sleep(world.prng.below(20));
        return request;
      },
    }),
  );
  for (const [i, name] of NAMES.entries()) {
    const bad = BAD[name] as BadHandler;
    server.add(
      service({
        id: HONEST + 1 + i,
        name,
        backlog: 4,
        maxReplyBytes: 200_000,
        deadlineMs: bad.deadlineMs ?? 120_000,
        call: (call) => bad.run(call, world) as undefined,
      }),
    );
  }
  await world.run(server.start());
  return server;
}
