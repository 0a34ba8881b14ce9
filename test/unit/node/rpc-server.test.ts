// The server base around its calls: options at construction, what may be added, and starts and stops that meet.
import { describe, expect, test } from "vitest";
import {
  RpcServer,
  type RpcServerOptions,
  RxClient,
  RxOptionError,
  RxSocket,
  type ServiceDefinition,
  type ServiceOptions,
  service,
} from "../../../src/index.js";

const echo = (id: number, options: Partial<ServiceOptions> = {}): ServiceDefinition =>
  service({ id, call: (call) => call.readAll(), ...options });

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "resolved",
    (cause: { code?: string }) => cause.code,
  );

const services = (server: RpcServer): number[][] =>
  server.stats().map((stats) => stats.services.map(({ id }) => id));

/** A port that nobody holds at the moment. */
async function freePort(): Promise<number> {
  await using socket = await RxSocket.bind();
  return socket.port;
}

/** Nobody holds the port: it can be bound. */
async function expectFree(port: number): Promise<void> {
  await using socket = await RxSocket.bind({ port });
  expect(socket.port).toBe(port);
}

/** A started server with a call under way whose handler never ends; `ended` is how its client was told. */
async function stuckServer(): Promise<{ server: RpcServer; ended: Promise<unknown>; client: RxClient }> {
  let begun = (): void => undefined;
  const isRunning = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const server = new RpcServer().add(
    service({
      id: 7,
      call: () => {
        begun();
        return new Promise<undefined>(() => undefined);
      },
    }),
  );
  await server.start();
  const client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 7 });
  const ended = client.call(new Uint8Array(1)).catch((cause: unknown) => cause);
  await isRunning;
  return { server, ended, client };
}

describe("options", () => {
  const wrong: [object | null, string][] = [
    [null, "options: expected an object, got null"],
    [{ prot: 5 }, "options.prot: expected one of"],
    [{ port: 65_536 }, "port: expected an integer from 0 to 65535, got 65536"],
    [{ port: "7009" }, 'port: expected an integer from 0 to 65535, got "7009"'],
    [{ host: 5 }, "host: expected an address or name, got 5"],
    [{ host: "" }, 'host: expected an address or name, got ""'],
    [{ backlog: 0 }, "backlog: expected an integer from 1 to 32, got 0"],
    [{ backlog: 33 }, "backlog: expected an integer from 1 to 32, got 33"],
    [{ callsMax: 0 }, "callsMax: expected an integer from 1"],
    [{ deadTimeMs: 100 }, "keepaliveMs: expected at most a third of deadTimeMs"],
    [{ trusted: ["nowhere"] }, "trusted: expected an address range"],
    [{ onFault: 5 }, "onFault: expected a function, got 5"],
    [{ wrapTransport: {} }, "wrapTransport: expected a function, got an object"],
    [{ sockets: [] }, "sockets: expected an array of at least one { host, port }, got an array"],
    [{ sockets: {} }, "sockets: expected an array"],
    [{ sockets: [null] }, "sockets: expected an object, got null"],
    [{ sockets: [{ port: -1 }] }, "sockets.port: expected an integer from 0 to 65535, got -1"],
    [{ sockets: [{}, { host: 5 }] }, "sockets.host: expected an address or name, got 5"],
    [{ security: {} }, "security: expected an array of at least one security class, got an object"],
    [{ security: [] }, "security: expected an array of at least one security class, got an array"],
    [{ security: [null] }, "security: expected an array of at least one security class, got null"],
    [{ security: [{}] }, "security: expected classes with a securityIndex from 0 to 255, got undefined"],
    [{ security: [{ securityIndex: 256 }] }, "securityIndex from 0 to 255, got 256"],
    [
      { security: [{ securityIndex: 0 }, { securityIndex: 0 }] },
      "security: expected classes with different securityIndex, got 0",
    ],
  ];
  test.each(wrong)("%o are refused by the constructor, and by RxSocket.bind()", async (options, message) => {
    const make = (): unknown => new RpcServer(options as RpcServerOptions);
    expect(make).toThrow(RxOptionError);
    expect(make).toThrow(message);
    if (options !== null && ("sockets" in options || "backlog" in options)) return;
    await expect(RxSocket.bind(options as RpcServerOptions)).rejects.toThrow(message.split(", got")[0]);
  });

  test("RxClient.connect() checks the options of its socket, and takes no address there", async () => {
    const connect = (socket: unknown): Promise<RxClient> =>
      RxClient.connect({ host: "127.0.0.1", port: 9, serviceId: 5, socket: socket as object });
    await expect(connect(null)).rejects.toThrow("socket: expected an object, got null");
    await expect(connect({ port: 5 })).rejects.toThrow("socket.port: expected");
    await expect(connect({ host: "::1" })).rejects.toThrow("socket.host: expected");
    await expect(connect({ callsMax: 0 })).rejects.toThrow("callsMax: expected");
  });

  test("add() takes what service() made, and nothing else", () => {
    const server = new RpcServer();
    const options = { id: 5, call: () => undefined };
    for (const wrongOne of [options, { ...service(options) }, null, undefined, 5]) {
      expect(() => server.add(wrongOne as ServiceDefinition)).toThrow(
        "definition: expected what service() returns",
      );
    }
    expect(() => server.add(service(options))).not.toThrow();
  });
});

describe("the backlogs of all services", () => {
  test("may use up callsMax and no more; the refusal shows the sum", () => {
    const server = new RpcServer({ callsMax: 40, backlog: 8 });
    server.add(echo(1, { name: "one" })).add(echo(2, { name: "two", backlog: 31 }));
    const add = (): unknown => server.add(echo(3, { name: "three", backlog: 2 }));
    expect(add).toThrow(RxOptionError);
    expect(add).toThrow("backlog: expected at most 40 (callsMax) in all: one 8 + two 31 + three 2, got 41");
    expect(() => server.add(echo(3, { backlog: 1 }))).not.toThrow();
  });

  test("count no more than the handlers that may run", () => {
    const server = new RpcServer({ callsMax: 40 });
    server.add(echo(1, { concurrency: 20 })).add(echo(2, { concurrency: 20 }));
    expect(() => server.add(echo(3, { concurrency: 1 }))).toThrow(
      "service-1 20 + service-2 20 + service-3 1, got 41",
    );
  });

  test("a service that is refused while the server runs leaves it as it was", async () => {
    await using server = new RpcServer({ callsMax: 40 }).add(echo(1));
    await server.start();
    expect(() => server.add(echo(2))).toThrow(RxOptionError);
    expect(services(server)).toEqual([[1]]);
    server.add(echo(2, { backlog: 8 }));
    expect(services(server)).toEqual([[1, 2]]);
    await using client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 2 });
    expect(await client.call(Uint8Array.of(5))).toEqual(Uint8Array.of(5));
  });
});

describe("starts and stops that meet", () => {
  test("a service added during start() is offered once on every socket", async () => {
    await using server = new RpcServer({ sockets: [{}, {}, {}] }).add(echo(1));
    const starting = server.start();
    server.add(echo(2));
    await starting;
    expect(services(server)).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    expect(server.handlers()).toHaveLength(6);
  });

  test("close() during start() leaves nothing bound, and start() says so", async () => {
    const ports = [await freePort(), await freePort()];
    const server = new RpcServer({ sockets: ports.map((port) => ({ port })) }).add(echo(1));
    const starting = codeOf(server.start());
    await server.close();
    for (const port of ports) await expectFree(port);
    expect(await starting).toBe("RX_ERR_SOCKET_CLOSED");
    expect([server.port, server.addresses, server.handlers()]).toEqual([0, [], []]);
    expect(await codeOf(server.start())).toBe("RX_ERR_SOCKET_CLOSED");
    expect(() => server.add(echo(2))).toThrow(expect.objectContaining({ code: "RX_ERR_SOCKET_CLOSED" }));
  });

  test("a second start() is refused while the first goes on", async () => {
    await using server = new RpcServer().add(echo(1));
    const first = server.start();
    await expect(server.start()).rejects.toThrow("the server is starting already");
    await first;
    await expect(server.start()).rejects.toThrow("the server is started already");
    expect(services(server)).toEqual([[1]]);
  });

  test("a start() that fails leaves nothing bound", async () => {
    await using holder = await RxSocket.bind();
    const port = await freePort();
    const server = new RpcServer({ sockets: [{ port }, { port: holder.port }] }).add(echo(1));
    expect(await codeOf(server.start())).toBe("RX_ERR_SOCKET");
    await expectFree(port);
    expect(server.addresses).toEqual([]);
    await server.close();
  });

  test("close() shortens a drain that is under way", async () => {
    const { server, ended, client } = await stuckServer();
    const draining = server.drain({ timeoutMs: 3_600_000 });
    await Promise.all([draining, server.close()]);
    expect(await ended).toMatchObject({ abortCode: -100 });
    await client.close();
  });

  test("a second drain shortens the first and never lengthens it", async () => {
    const { server, ended, client } = await stuckServer();
    const drains = [server.drain({ timeoutMs: 3_600_000 }), server.drain({ timeoutMs: 20 })];
    drains.push(server.drain({ timeoutMs: 3_600_000 }));
    await Promise.all(drains);
    expect(await ended).toMatchObject({ abortCode: -100 });
    await client.close();
  });

  test.each([{ timeoutMs: -1 }, { timeoutMs: "1" }, { timeout: 5 }, null])(
    "drain(%o) rejects, and the server goes on",
    async (options) => {
      await using server = new RpcServer().add(echo(1));
      await server.start();
      expect(await codeOf(server.drain(options as object))).toBe("RX_ERR_OPTION");
      await using client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 1 });
      expect(await client.call(Uint8Array.of(5))).toEqual(Uint8Array.of(5));
    },
  );
});
