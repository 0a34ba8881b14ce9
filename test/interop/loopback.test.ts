// Our client against our server over real sockets: what needs no foreign peer.
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import {
  type Listener,
  RpcServer,
  RxAbort,
  RxClient,
  type RxError,
  RxSocket,
  rxperfService,
  service,
} from "../../src/index.js";
import { RxperfRpc } from "../../src/rxperf/client.js";
import { eventually, quiet } from "../eventually.js";
import {
  expectAtRest,
  expectPattern,
  heldByCalls,
  patternAt,
  patternFrom,
  patternRecv,
  patternRpc,
  patternSend,
  RXPERF_SERVICE_ID,
  startServer,
} from "./support.js";

const MIB = 1_048_576;
const ECHO_ID = 7;
const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
);

const echo = service({ id: ECHO_ID, call: (call) => call.readAll() });

describe("a server of several sockets and services", () => {
  test.skipIf(!hasIpv6)("serves rxperf over IPv6", async () => {
    await using server = await startServer([rxperfService({ pattern: patternAt })], { host: "::1" });
    await using client = await RxClient.connect({
      host: "::1",
      port: server.port,
      serviceId: RXPERF_SERVICE_ID,
    });
    expect(client.remote).toMatch(new RegExp(`^\\[[0:]*:1\\]:${server.port}$`));
    await patternRpc(client, 128, 128);
    await patternSend(client, MIB);
    await patternRecv(client, MIB);
  });

  test.skipIf(!hasIpv6)("serves IPv4 and IPv6 on two sockets, every service on each", async () => {
    const sockets = [{ host: "127.0.0.1" }, { host: "::1" }, { host: "127.0.0.1" }];
    await using server = await startServer([rxperfService(), echo], { sockets });
    expect(server.addresses.map(({ host }) => isIP(host))).toEqual([4, 6, 4]);
    expect(new Set(server.addresses.map(({ port }) => port)).size).toBeGreaterThan(1);
    await using client = await RxSocket.bind({ host: "::1" });
    await using client4 = await RxSocket.bind();
    for (const { host, port } of server.addresses) {
      const socket = isIP(host) === 6 ? client : client4;
      const perf = socket.connect({ host, port, serviceId: RXPERF_SERVICE_ID });
      await new RxperfRpc(200, 300).call(perf);
      const text = Buffer.from(`hello ${host} ${port}`);
      expect(Buffer.from(await socket.connect({ host, port, serviceId: ECHO_ID }).call(text))).toEqual(text);
    }
    expect(server.stats().map(({ services }) => services.map(({ accepted }) => accepted))).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
  });

  test("tells a client of a service that is not there", async () => {
    await using server = await startServer([echo]);
    await using client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 8 });
    await expect(client.call(new Uint8Array(1))).rejects.toMatchObject({
      code: "RX_ERR_CALL_ABORTED",
      abortCode: -2,
    });
  });

  test("one socket both offers a service and calls others", async () => {
    await using left = await RxSocket.bind();
    await using right = await RxSocket.bind();
    for (const [own, id] of [
      [left, 1],
      [right, 2],
    ] as const) {
      own
        .service({ id, onNewCall: (call) => void answerEcho(call), onDiscardCall: () => undefined })
        .listen(1);
    }
    const charge = (socket: RxSocket) =>
      [...socket.endpoint.services.values()][0]?.chargeAccept(socket.nextUserId(), null);
    charge(left);
    charge(right);
    const there = left.connect({ host: "127.0.0.1", port: right.port, serviceId: 2 });
    const back = right.connect({ host: "127.0.0.1", port: left.port, serviceId: 1 });
    const request = patternFrom(5, 4_000);
    const replies = await Promise.all([there.call(request), back.call(request)]);
    for (const reply of replies) expectPattern(reply, 5);
  });
});

describe("streams and back-pressure", () => {
  test("a slow handler holds its client back", async () => {
    const gate = new Gate();
    await using server = await startServer([
      service({
        id: ECHO_ID,
        call: async (call) => {
          await gate.opened;
          let total = 0;
          for await (const chunk of call) total += chunk.length;
          return Buffer.from(String(total));
        },
      }),
    ]);
    await using client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: ECHO_ID });
    await using call = client.open();
    let written = 0;
    const writing = (async () => {
      for (let i = 0; i < 64; i++) {
        await call.write(patternFrom(0, 32_768));
        written += 32_768;
      }
      await call.end();
    })();
    // It comes to a stand with what the two windows hold, far below the 2 MiB that there are.
    await eventually(() => expect(server.stats()[0]?.buffers.used).toBeGreaterThanOrEqual(32));
    await quiet(() => written);
    expect(written).toBeLessThan(400_000);
    gate.open();
    await writing;
    expect(Buffer.from(await call.readAll()).toString()).toBe(String(64 * 32_768));
    await expectAtRest(server);
  });

  test("a slow client holds the handler back", async () => {
    let written = 0;
    await using server = await startServer([
      service({
        id: ECHO_ID,
        call: async (call) => {
          await call.readAll();
          for (let at = 0; at < 2 * MIB; at += 32_768) {
            await call.write(patternFrom(at, 32_768));
            written += 32_768;
          }
        },
      }),
    ]);
    await using client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: ECHO_ID });
    await using call = client.open();
    await call.end(new Uint8Array(1));
    await eventually(() => expect(client.stats().buffers.used).toBeGreaterThanOrEqual(32));
    await quiet(() => written);
    expect(written).toBeLessThan(400_000);
    for (let at = 0; at < 2 * MIB; at += 8_192) expectPattern(await call.read(8_192), at);
    await call.ended;
    await expectAtRest(server);
  });

  test("every piece size, odd and even, comes through in order", async () => {
    await using server = await startServer([
      service({
        id: ECHO_ID,
        call: async (call) => {
          const parts: Uint8Array[] = [];
          for await (const chunk of call) parts.push(chunk.slice());
          for (const part of parts) await call.write(part);
        },
      }),
    ]);
    await using client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: ECHO_ID });
    await using call = client.open();
    let sent = 0;
    for (let size = 1; size < 3_000; size += 37) {
      await call.write(patternFrom(sent, size));
      sent += size;
    }
    await call.end();
    const reply = await call.readAll();
    expect(reply.length).toBe(sent);
    expectPattern(reply, 0);
  });
});

describe("the end of a server", () => {
  test("drain lets calls end, refuses new ones, and ends", async () => {
    const gate = new Gate();
    const server = await startServer([
      service({
        id: ECHO_ID,
        call: async (call) => {
          const request = await call.readAll();
          await gate.opened;
          return request;
        },
      }),
    ]);
    await using client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: ECHO_ID });
    const call = client.call(patternFrom(0, 5_000));
    await eventually(() => expect(server.running).toBe(1));
    const drained = server.drain();
    await expect(client.call(new Uint8Array(1))).rejects.toMatchObject({ abortCode: -100 });
    gate.open();
    expectPattern(await call, 0);
    await drained;
    expect(server.running).toBe(0);
    for (const stats of server.stats()) expect(heldByCalls(stats)).toEqual({ calls: 0, buffers: 0 });
  });

  test("drain under load always ends, also with a handler that never does", async () => {
    const server = await startServer([
      rxperfService({ pattern: patternAt }),
      service({ id: ECHO_ID, call: () => new Promise<undefined>(() => undefined) }),
    ]);
    await using socket = await RxSocket.bind();
    const perf = socket.connect({ host: "127.0.0.1", port: server.port, serviceId: RXPERF_SERVICE_ID });
    const stuck = socket.connect({ host: "127.0.0.1", port: server.port, serviceId: ECHO_ID });
    const ends: RxError[] = [];
    const until = async (make: () => Promise<unknown>) => {
      for (;;) {
        const failure = await make().then(
          () => null,
          (cause: RxError) => cause,
        );
        if (failure !== null) return void ends.push(failure);
      }
    };
    const loops = [
      ...Array.from({ length: 16 }, () => until(() => patternRpc(perf, 5_000, 5_000))),
      until(() => patternSend(perf, 500 * MIB)),
      until(() => patternRecv(perf, 500 * MIB)),
      ...Array.from({ length: 4 }, () => until(() => stuck.call(new Uint8Array(10)))),
    ];
    // The four as well: what reaches a server that drains is refused, and none of them would be left over.
    await eventually(() => {
      const [perfHandlers, stuckHandlers] = server.handlers();
      expect(perfHandlers?.running).toBeGreaterThan(1);
      expect(stuckHandlers?.running).toBe(4);
    });
    await server.drain({ timeoutMs: 300 });
    await Promise.all(loops);
    expect(ends).toHaveLength(22);
    for (const failure of ends)
      expect(failure).toMatchObject({ code: "RX_ERR_CALL_ABORTED", abortCode: -100 });
    // A call belongs to its handler until that ends, so the four that never do keep theirs and its one packet.
    for (const stats of server.stats()) expect(heldByCalls(stats)).toEqual({ calls: 4, buffers: 4 });
    await expectAtRest(socket);
  });

  test("await using closes a server, a client and a socket, and their ports are free again", async () => {
    let port = 0;
    {
      await using server = await startServer([echo]);
      port = server.port;
      await using client = await RxClient.connect({ host: "127.0.0.1", port, serviceId: ECHO_ID });
      expectPattern(await client.call(patternFrom(0, 50)), 0);
    }
    await using next = new RpcServer({ port });
    await next.start();
    expect(next.port).toBe(port);
  });
});

describe("services that accept by hand", () => {
  test("user style: accepts under ids of its own, rejects with a code", async () => {
    await using socket = await RxSocket.bind();
    const listener = socket.service({ id: ECHO_ID });
    listener.listen(32);
    const served = acceptOdd(listener);
    await using client = await RxClient.connect({ host: "127.0.0.1", port: socket.port, serviceId: ECHO_ID });
    const outcomes = await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        client.call(Uint8Array.of(i)).then(
          ([byte]) => byte,
          (cause: RxError) => cause.abortCode,
        ),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 4_000)).toHaveLength(12);
    expect(outcomes.filter((outcome) => outcome !== 4_000)).toHaveLength(12);
    listener.close();
    expect(await served).toBe(24);
    await expectAtRest(socket);
  });

  test("user style: a service that closes tells the clients whose calls nobody has accepted", async () => {
    await using socket = await RxSocket.bind();
    const listener = socket.service({ id: ECHO_ID });
    listener.listen(8);
    await using client = await RxClient.connect({ host: "127.0.0.1", port: socket.port, serviceId: ECHO_ID });
    const outcomes = Array.from({ length: 8 }, (_, i) =>
      client.call(patternFrom(i, 5_000)).then(
        (reply) => reply.length,
        (cause: RxError) => cause.abortCode,
      ),
    );
    await eventually(() => expect(listener.backlog.waiting).toBe(8));
    const served = (await listener.nextCall())?.accept(1n);
    const handedOut = await listener.nextCall();
    listener.listen(0);
    listener.close();
    expect(() => handedOut?.accept(2n)).toThrow(expect.objectContaining({ code: "RX_ERR_CALL_ENDED" }));
    if (served !== undefined) await answerEcho(served);
    expect((await Promise.all(outcomes)).sort()).toEqual([-2, -2, -2, -2, -2, -2, -2, 5_000]);
    await expectAtRest(socket);
  });

  test("kernel style: charges, serves, discharges and discards", async () => {
    await using socket = await RxSocket.bind();
    const live: bigint[] = [];
    const discarded: bigint[] = [];
    const listener = socket.service({
      id: ECHO_ID,
      onNewCall: (call, userId) => {
        live.push(userId);
        void answerEcho(call);
      },
      onDiscardCall: (_call, userId) => discarded.push(userId),
    });
    listener.listen(32);
    for (let id = 1n; id <= 8n; id++) listener.chargeAccept(id);
    listener.discharge(1n);
    await using client = await RxClient.connect({ host: "127.0.0.1", port: socket.port, serviceId: ECHO_ID });
    for (let i = 0; i < 5; i++) expectPattern(await client.call(patternFrom(i, 3_000)), i);
    expect(live).toEqual([2n, 3n, 4n, 5n, 6n]);
    listener.listen(0);
    expect(discarded).toEqual([7n, 8n]);
    await expect(client.call(new Uint8Array(1))).rejects.toMatchObject({ code: "RX_ERR_CALL_ABORTED" });
    listener.listen(1);
    listener.chargeAccept(9n);
    expectPattern(await client.call(patternFrom(9, 10)), 9);
    await expectAtRest(socket);
  });

  test("a handler's abort and a client's cancellation meet without harm", async () => {
    await using server = await startServer([
      service({
        id: ECHO_ID,
        call: async (call) => {
          await call.read(1);
          throw new RxAbort(99);
        },
      }),
    ]);
    await using client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: ECHO_ID });
    const codes = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const cancel = new AbortController();
        const call = client.call(new Uint8Array(5_000), { signal: cancel.signal });
        if (i % 2 === 0) setTimeout(() => cancel.abort(), i % 7);
        return call.then(
          () => "none",
          (cause: RxError) => cause.code,
        );
      }),
    );
    for (const code of codes) expect(["RX_ERR_CALL_ABORTED", "RX_ERR_CALL_CANCELLED"]).toContain(code);
    await expectAtRest(server);
    await expectAtRest(client);
  });
});

/** A promise that the test fulfils. */
class Gate {
  open: () => void = () => undefined;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

async function answerEcho(call: {
  readAll(): Promise<Uint8Array>;
  write(bytes: Uint8Array): Promise<void>;
  finish(): void;
}): Promise<void> {
  await call.write(await call.readAll());
  call.finish();
}

/** Takes calls until the service is closed, every second one; how many came. */
async function acceptOdd(listener: Listener): Promise<number> {
  let count = 0;
  for await (const incoming of listener) {
    count++;
    if (count % 2 === 0) incoming.reject(4_000);
    else void answerEcho(incoming.accept(BigInt(count)));
  }
  return count;
}
