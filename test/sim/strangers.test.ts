// Clients whose address is not trusted: they are asked for proof, and never sent more than three times what they sent.
import { expect, test } from "vitest";
import { eachSeed, runScenario } from "./scenario.js";

for (const [name, faults] of [
  ["clean", { delayMeanUs: 5_000 }],
  ["30 % loss", { delayMeanUs: 5_000, lossRate: 0.3, lossBurstMax: 3 }],
] as const) {
  test(`strangers, ${name}: all calls complete, replies longer than the budget included`, () => {
    eachSeed(40, (seed, hasTrace) => {
      const run = runScenario(
        {
          faults,
          clients: 3,
          callsPerClient: 8,
          requestBytes: 40,
          replyBytes: 20_000,
          serverOptions: { trusted: [] },
          limitUs: 120_000_000,
          prepare: ({ simulation, server, clients }) => {
            const received = new Map<string, number>();
            for (const client of clients) {
              client.loses = (_bytes, _offset, length) => {
                received.set(
                  client.address.toString(),
                  (received.get(client.address.toString()) ?? 0) + length,
                );
                return false;
              };
            }
            const sent = new Map<string, number>();
            server.watch = (remote, length) => {
              const key = remote.toString();
              sent.set(key, (sent.get(key) ?? 0) + length);
              const peer = server.endpoint.local.peers.find(remote);
              if (peer?.isProven === true) return;
              // What was sent to the server bounds from above what it has received.
              expect(sent.get(key) as number).toBeLessThanOrEqual(3 * (received.get(key) ?? 0));
            };
            void simulation;
          },
        },
        seed,
        hasTrace,
      );
      if (name === "clean") expect(run.tookUs).toBeLessThan(3_000_000);
    });
  });
}
