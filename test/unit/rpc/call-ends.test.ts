// How calls end when their users are careless: nothing is cut without an error, and nobody waits for ever.
import { describe, expect, test } from "vitest";
import { RpcServer, RxClient, RxSocket, type ServiceOptions, service } from "../../../src/index.js";

const BIG = 1 << 20;

async function serve(call: ServiceOptions["call"]): Promise<{ server: RpcServer; client: RxClient }> {
  const server = new RpcServer();
  server.add(service({ id: 53, call }));
  await server.start();
  const client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 53 });
  return { server, client };
}

async function stop({ server, client }: { server: RpcServer; client: RxClient }): Promise<void> {
  await client.close();
  await server.close();
}

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "resolved",
    (cause: { code?: string }) => cause.code,
  );

describe("calls of careless users", () => {
  test("a write that the handler does not await is part of the reply", async () => {
    const pair = await serve(async (call) => {
      await call.readAll();
      void call.write(new Uint8Array(BIG));
    });
    const reply = await pair.client.call(new Uint8Array(1));
    expect(reply.length).toBe(BIG);
    await stop(pair);
  });

  test("end() beside a write that waits is refused, and the data stays whole", async () => {
    const pair = await serve(async (call) => {
      const request = await call.readAll();
      return Uint8Array.of(request.length >> 16);
    });
    const call = pair.client.open();
    const writing = call.write(new Uint8Array(BIG));
    expect(await codeOf(call.end())).toBe("RX_ERR_CALL_STATE");
    await writing;
    await call.end();
    expect(await call.readAll()).toEqual(Uint8Array.of(BIG >> 16));
    call.close();
    await stop(pair);
  });

  test("close() before the reply is read tells everybody who waits", async () => {
    const pair = await serve(async (call) => {
      await call.readAll();
      await new Promise((resolve) => call.signal.addEventListener("abort", resolve, { once: true }));
    });
    const call = pair.client.open();
    await call.end(new Uint8Array(1));
    const waiting = [codeOf(call.read(1)), codeOf(call.ended)];
    const { signal } = call;
    call.close();
    expect(await Promise.all(waiting)).toEqual(["RX_ERR_CALL_CANCELLED", "RX_ERR_CALL_CANCELLED"]);
    expect(signal.aborted).toBe(true);
    await stop(pair);
  });

  test("a reply that is cut by close() is no whole reply", async () => {
    const pair = await serve(async (call) => {
      await call.readAll();
      return new Uint8Array(BIG);
    });
    const call = pair.client.open();
    await call.end(new Uint8Array(1));
    const reading = (async () => {
      for await (const chunk of call) if (chunk.length > 0) call.close();
    })();
    expect(await codeOf(reading)).toBe("RX_ERR_CALL_CANCELLED");
    await stop(pair);
  });

  test("skip() takes whole numbers of bytes only", async () => {
    const pair = await serve(async (call) => {
      for (const wrong of [1.5, -5, Number.NaN, "3" as unknown as number]) {
        expect(await codeOf(call.skip(wrong))).toBe("RX_ERR_OPTION");
      }
      await call.skip(2);
      return call.read(1);
    });
    expect(await pair.client.call(Uint8Array.of(1, 2, 3))).toEqual(Uint8Array.of(3));
    await stop(pair);
  });

  test("a connection of a closed socket refuses calls", async () => {
    const socket = await RxSocket.bind();
    const connection = socket.connect({ host: "127.0.0.1", port: 9, serviceId: 53 });
    await socket.close();
    expect(await codeOf(connection.call(new Uint8Array(1)))).toBe("RX_ERR_SOCKET_CLOSED");
  });

  test("a notifier that throws costs its call, and no more", async () => {
    const faults: unknown[] = [];
    const socket = await RxSocket.bind({ onFault: (cause) => faults.push(cause) });
    const listener = socket.service({
      id: 53,
      onNewCall: () => {
        throw new Error("no");
      },
      onDiscardCall: () => undefined,
    });
    listener.listen(4);
    for (let id = 0n; id < 4n; id++) listener.chargeAccept(id);
    const client = await RxClient.connect({ host: "127.0.0.1", port: socket.port, serviceId: 53 });
    for (let i = 0; i < 4; i++)
      expect(await codeOf(client.call(new Uint8Array(1)))).toBe("RX_ERR_CALL_ABORTED");
    expect([faults.length, socket.stats().calls.used]).toEqual([4, 0]);
    await client.close();
    await socket.close();
  });
});

test("options of a connection that are wrong are refused by name", async () => {
  const socket = await RxSocket.bind();
  const connect = (options: object): unknown =>
    socket.connect({ host: "127.0.0.1", port: 9, serviceId: 53, ...options });
  for (const connectionsMax of [0, -1, 1.5, Number.NaN, "x"]) {
    expect(() => connect({ connectionsMax })).toThrow("connectionsMax: expected an integer from 1 to 16384");
  }
  expect(() => connect({ upgrade: "no" })).toThrow("upgrade: expected a boolean");
  await socket.close();
});
