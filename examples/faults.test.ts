// A test of a service of one's own under faults: a tenth of the packets lost, others late or twice, in virtual time, the same
// for every run of a seed. Everything of this library takes part, promises and all; only time, chance and the network are
// simulated. A seed that fails is named: RXRPC_SEED=17 repeats it alone.
import { service } from "rxrpc";
import { runSeeds } from "rxrpc/testing";
import { expect, test } from "vitest";

// The service under test: counts how often it was asked.
function counterService(sleep: (delayMs: number) => Promise<void>) {
  let asked = 0;
  return service({
    id: 60,
    async call() {
      await sleep(20);
      return new Uint8Array([++asked]);
    },
  });
}

test("every question is counted once, however often its packets are lost or come twice", async () => {
  const faults = { lossRate: 0.1, copyRate: 0.1, delayMeanUs: 5_000, delayJitterUs: 5_000 };
  await runSeeds({ count: 20, faults }, async (simulation) => {
    const server = simulation.server();
    server.add(counterService((delayMs) => simulation.sleep(delayMs)));
    await simulation.run(server.start());
    const client = await simulation.client({ host: "127.0.0.1", port: server.port, serviceId: 60 });

    const questions = Array.from({ length: 30 }, () => client.call(new Uint8Array(1)));
    const answers = await simulation.run(Promise.all(questions));
    expect(answers.map(([count]) => count).sort((a = 0, b = 0) => a - b)).toEqual(
      Array.from({ length: 30 }, (_, i) => i + 1),
    );

    await simulation.run(client.close());
    await simulation.run(server.drain());
  });
});
