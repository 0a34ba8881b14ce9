// What users of `rxrpc/testing` are promised: services under faults, in virtual time, the same every time.
import { describe, expect, test } from "vitest";
import { RxAbort, type RxError, service } from "../../../src/index.js";
import { runSeeds, Simulation } from "../../../src/testing/index.js";

const ECHO = 52;
const BYTES = 20_000;
const LOSSY = { lossRate: 0.1, delayMeanUs: 3_000, delayJitterUs: 2_000, copyRate: 0.05 };

/** Twenty calls to an echo that sleeps between reading and writing. @returns the trace of the run */
async function echoRun(simulation: Simulation): Promise<number> {
  const server = simulation.server();
  server.add(
    service({
      id: ECHO,
      async call(call) {
        const request = await call.readAll();
        await simulation.sleep(simulation.prng.below(50));
        return request;
      },
    }),
  );
  await simulation.run(server.start());
  const client = await simulation.client({ host: "127.0.0.1", port: server.port, serviceId: ECHO });
  const requests = Array.from({ length: 20 }, (_, i) => new Uint8Array(BYTES).fill(i));
  const replies = await simulation.run(Promise.all(requests.map((request) => client.call(request))));
  expect(replies.map((reply) => reply.length)).toEqual(requests.map(() => BYTES));
  for (const [i, reply] of replies.entries()) expect(reply.every((byte) => byte === i)).toBe(true);
  await simulation.run(client.close());
  await simulation.run(server.drain());
  return simulation.traceHash;
}

describe("Simulation", () => {
  test("a server base with handlers that wait answers every call under loss, whatever the seed", async () => {
    await runSeeds({ count: 10, faults: LOSSY }, async (simulation) => {
      await echoRun(simulation);
    });
  });

  test("one seed is one run, to the last byte, and another seed another", async () => {
    const [first, again, other] = [
      await echoRun(new Simulation({ seed: 7, faults: LOSSY })),
      await echoRun(new Simulation({ seed: 7, faults: LOSSY })),
      await echoRun(new Simulation({ seed: 8, faults: LOSSY })),
    ];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test("a call to a host that is cut off fails in virtual time, and none of the test's", async () => {
    const simulation = new Simulation({ seed: 1 });
    const server = simulation.server();
    server.add(service({ id: ECHO, call: (call) => call.readAll() }));
    await simulation.run(server.start());
    const client = await simulation.client({ host: "127.0.0.1", port: server.port, serviceId: ECHO });
    await simulation.run(client.call(new Uint8Array(1)));
    simulation.network.configure({ lossRate: 1 });
    const failure = await simulation.run(client.call(new Uint8Array(1)).catch((cause: RxError) => cause));
    expect(failure).toMatchObject({ code: "RX_ERR_CALL_TIMEOUT" });
    expect(simulation.nowMs).toBeGreaterThan(10_000);
    simulation.network.heal();
    expect(await simulation.run(client.call(new Uint8Array(1)))).toHaveLength(1);
    await simulation.run(client.close());
    await simulation.run(server.close());
  });

  test("what a handler throws reaches the client as on a real network", async () => {
    const simulation = new Simulation({ seed: 1 });
    const server = simulation.server();
    server.add(
      service({
        id: ECHO,
        async call() {
          await simulation.sleep(5);
          throw new RxAbort(77);
        },
      }),
    );
    await simulation.run(server.start());
    const client = await simulation.client({ host: "localhost", port: server.port, serviceId: ECHO });
    const failure = simulation.run(client.call(new Uint8Array(1)));
    await expect(failure).rejects.toMatchObject({ code: "RX_ERR_CALL_ABORTED", abortCode: 77 });
    await simulation.run(client.close());
    await simulation.run(server.close());
  });

  test("work that can never end is told so, with the seed", async () => {
    const simulation = new Simulation({ seed: 42 });
    await expect(simulation.run(new Promise(() => undefined))).rejects.toThrow(
      /seed 42 .* nothing is under way/,
    );
    await expect(simulation.run(simulation.sleep(10_000), 1_000)).rejects.toThrow(
      /seed 42 .* 1000 ms have passed/,
    );
    await simulation.runFor(60_000);
    expect(simulation.nowMs).toBeGreaterThanOrEqual(60_000);
  });

  test("names cannot be looked up, and options are checked", async () => {
    const simulation = new Simulation({ seed: 1 });
    await expect(simulation.bind({ host: "example.org" })).rejects.toThrow(/host: expected an IP address/);
    expect(() => new Simulation({} as never)).toThrow(/seed: expected an integer/);
    expect(() => new Simulation({ seed: 1, fault: {} } as never)).toThrow(/options.fault/);
  });
});

describe("runSeeds()", () => {
  test("names the seed that failed, and what went wrong is the cause", async () => {
    const wrong = new Error("the third is wrong");
    const ran: number[] = [];
    const run = runSeeds({ count: 5, first: 10 }, (_simulation, seed) => {
      ran.push(seed);
      return seed === 12 ? Promise.reject(wrong) : Promise.resolve();
    });
    await expect(run).rejects.toMatchObject({
      message: "seed 12 (repeat it alone with RXRPC_SEED=12): the third is wrong",
      cause: wrong,
    });
    expect(ran).toEqual([10, 11, 12]);
  });

  test("runs one seed when it is told to", async () => {
    const ran: number[] = [];
    await runSeeds({ only: 99 }, (_simulation, seed) => {
      ran.push(seed);
      return Promise.resolve();
    });
    expect(ran).toEqual([99]);
  });
});
