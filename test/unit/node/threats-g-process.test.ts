// What only a process can show: a broken invariant ends it, loudly. It runs the build, which `npm test` makes before the tests.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";

const INDEX = new URL("../../../dist/index.js", import.meta.url);
const EXIT_OF_CARRIED_ON = 42;

beforeAll(() => {
  if (!existsSync(fileURLToPath(INDEX))) throw new Error("the library is not built: run `npm run build`");
});

/** A socket with a service, one invariant that `breakIt` breaks (a buffer that is free is given back), and a call. */
const program = (breakIt: string): string => `
import { RpcServer, RxClient, RxSocket, service } from ${JSON.stringify(INDEX.href)};
// Whoever carries on in spite of it gets here.
setTimeout(() => process.exit(${EXIT_OF_CARRIED_ON}), 30_000);
const asEver = (call) => void call.readAll().then(() => call.finish());
async function listening(onNewCall = asEver) {
  const socket = await RxSocket.bind({ onFault: () => undefined });
  const listener = socket.service({ id: 53, onNewCall, onDiscardCall: () => undefined });
  listener.listen(2);
  for (const id of [1n, 2n]) listener.chargeAccept(id);
  return { socket, listener };
}
async function serving(call) {
  const server = new RpcServer({ onFault: () => undefined }).add(service({ id: 53, call }));
  await server.start();
  return server;
}
async function callOf(port) {
  const client = await RxClient.connect({ host: "127.0.0.1", port, serviceId: 53 });
  await client.call(new Uint8Array(1)).catch(() => undefined);
}
${breakIt}
`;

const broken: [where: string, breakIt: string][] = [
  [
    "the packet handler",
    `const { socket, listener } = await listening();
     listener.core.backlog.takeConnection();
     await callOf(socket.port);`,
  ],
  [
    "an item of the event cache",
    `const { socket } = await listening((call) => socket.endpoint.local.buffers.give(999));
     await callOf(socket.port);`,
  ],
  [
    "a timer",
    `const { socket } = await listening();
     socket.endpoint.local.tombstones.expire = () => socket.endpoint.local.buffers.give(999);
     await callOf(socket.port);`,
  ],
  [
    "a notifier that waits",
    `const { socket } = await listening(async (call) => { await call.readAll(); socket.endpoint.local.buffers.give(999); });
     await callOf(socket.port);`,
  ],
  [
    "a handler that returns at once",
    `const spare = await RxSocket.bind();
     const server = await serving(() => spare.endpoint.local.buffers.give(999));
     await callOf(server.port);`,
  ],
  [
    "a handler that waits",
    `const spare = await RxSocket.bind();
     const server = await serving(async (call) => { await call.readAll(); spare.endpoint.local.buffers.give(999); });
     await callOf(server.port);`,
  ],
];

describe("G: a broken invariant", () => {
  test.each(broken)("G7: found in %s ends the process with its name and a code", (_, breakIt) => {
    const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program(breakIt)], {
      encoding: "utf8",
      timeout: 50_000,
    });
    expect(stderr).toContain("AssertionError");
    expect([status === 0, status === EXIT_OF_CARRIED_ON, status === null]).toEqual([false, false, false]);
  });
});
