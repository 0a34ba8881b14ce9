// How client calls end on this side: a closed client, a reply that is too long, silence, and what they tell whoever waits.
import { describe, expect, test } from "vitest";
import { RpcServer, RxAbort, RxClient, RxSocket, type ServiceOptions, service } from "../../../src/index.js";
import { RxConnection } from "../../../src/rpc/client.js";
import { Talker } from "../core/packets.js";
import { FRIEND, LAST, Rig, SERVICE_ID, type Sent } from "../core/rig.js";
import { contextOf } from "./rig-context.js";

const REPLY_BYTES = 100_000;

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "resolved",
    (cause: { code?: string }) => cause.code,
  );

async function serverOf(options: Partial<ServiceOptions>): Promise<RpcServer> {
  const server = new RpcServer();
  server.add(service({ id: SERVICE_ID, call: () => new Uint8Array(REPLY_BYTES), ...options }));
  await server.start();
  return server;
}

const never: ServiceOptions["call"] = async (call) => {
  await new Promise((resolve) => call.signal.addEventListener("abort", resolve, { once: true }));
};

describe("a client that is closed", () => {
  test("its calls end with RX_ERR_SOCKET_CLOSED, those that wait for a channel included", async () => {
    const server = await serverOf({ call: never });
    const client = await RxClient.connect({
      host: "127.0.0.1",
      port: server.port,
      serviceId: SERVICE_ID,
      connectionsMax: 1,
    });
    const stream = client.open();
    const { signal } = stream;
    const waiting = [codeOf(stream.read(1)), codeOf(stream.ended)];
    for (let i = 0; i < 5; i++) waiting.push(codeOf(client.call(new Uint8Array(1))));
    await client.close();
    expect(await Promise.all(waiting)).toEqual(Array.from({ length: 7 }, () => "RX_ERR_SOCKET_CLOSED"));
    expect(signal.reason).toMatchObject({ code: "RX_ERR_SOCKET_CLOSED" });
    await server.close();
  });

  test("the calls of a socket that is closed with a code say so and name the code", async () => {
    const server = await serverOf({ call: never });
    const socket = await RxSocket.bind();
    const connection = socket.connect({ host: "127.0.0.1", port: server.port, serviceId: SERVICE_ID });
    const call = connection.call(new Uint8Array(1));
    connection.close();
    const closing = socket.close(-100);
    await expect(call).rejects.toMatchObject({ code: "RX_ERR_SOCKET_CLOSED", abortCode: -100 });
    await closing;
    await server.close();
  });

  test("close() of a connection ends what waits for a channel and leaves the rest", async () => {
    const server = await serverOf({ call: (call) => call.readAll() });
    const socket = await RxSocket.bind();
    const connection = socket.connect({
      host: "127.0.0.1",
      port: server.port,
      serviceId: SERVICE_ID,
      connectionsMax: 1,
    });
    const calls = Array.from({ length: 6 }, (_, i) => codeOf(connection.call(Uint8Array.of(i))));
    expect(connection.waiting).toBe(2);
    connection.close();
    const outcomes = await Promise.all(calls);
    expect(outcomes.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => "resolved"));
    expect(outcomes.slice(4)).toEqual(["RX_ERR_SOCKET_CLOSED", "RX_ERR_SOCKET_CLOSED"]);
    await socket.close();
    await server.close();
  });

  test.each([0, 1.5, 2 ** 31, "x", null])("a socket is not closed with the code %s", async (code) => {
    const socket = await RxSocket.bind();
    expect(await codeOf(socket.close(code as number))).toBe("RX_ERR_OPTION");
    expect(() => socket.service({ id: 5 })).not.toThrow();
    await socket.close();
  });
});

describe("calls that pass a limit of bytes", () => {
  test("a longer reply than maxReplyBytes is RX_ERR_TOO_LARGE with both numbers", async () => {
    const server = await serverOf({});
    const client = await RxClient.connect({
      host: "127.0.0.1",
      port: server.port,
      serviceId: SERVICE_ID,
    });
    const expected = { code: "RX_ERR_TOO_LARGE", message: expect.stringMatching(/ \d{4,6} bytes .* 1000 /) };
    const options = { maxReplyBytes: 1_000 };
    await expect(client.call(new Uint8Array(1), options)).rejects.toMatchObject(expected);
    await using stream = client.open(options);
    await stream.end();
    await expect(stream.readAll()).rejects.toMatchObject(expected);
    await expect(stream.ended).rejects.toMatchObject(expected);
    expect((await client.call(new Uint8Array(1), { maxReplyBytes: REPLY_BYTES })).length).toBe(REPLY_BYTES);
    await client.close();
    await server.close();
  });

  test("a handler whose request passes maxRequestBytes is told so", async () => {
    let told: unknown;
    const server = await serverOf({
      maxRequestBytes: 1_000,
      call: async (call) => {
        told = await call.readAll().catch((cause: unknown) => cause);
        throw new RxAbort(1);
      },
    });
    const client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: SERVICE_ID });
    await expect(client.call(new Uint8Array(9_000))).rejects.toMatchObject({ abortCode: -453 });
    await server.drain();
    expect(told).toMatchObject({
      code: "RX_ERR_TOO_LARGE",
      message: expect.stringMatching(/ 1000 .*maxRequestBytes/),
    });
    await client.close();
  });
});

describe("a client without a network", () => {
  function connect(): { rig: Rig; connection: RxConnection } {
    const rig = new Rig();
    return { rig, connection: new RxConnection(contextOf(rig).context, FRIEND, { serviceId: SERVICE_ID }) };
  }

  /** The server of the one call whose request waits to be sent. */
  function answerer(rig: Rig): Talker {
    const [sent] = rig.poll() as [Sent];
    const { epoch, cid, callNumber, serviceId } = sent.header;
    return new Talker({ epoch, cid, callNumber, serviceId, flags: 0 });
  }

  test("a peer that is silent is still RX_ERR_CALL_TIMEOUT", async () => {
    const { rig, connection } = connect();
    const call = codeOf(connection.call(new Uint8Array(1)));
    rig.pass(30_000_000);
    expect(await call).toBe("RX_ERR_CALL_TIMEOUT");
  });

  test("every read of `ended` settles, and late ones like the first", async () => {
    const { rig, connection } = connect();
    const call = connection.open();
    const reads = [call.ended, call.ended, call.ended];
    rig.pass(30_000_000);
    reads.push(call.ended);
    expect(await Promise.all(reads.map(codeOf))).toEqual(
      Array.from({ length: 4 }, () => "RX_ERR_CALL_TIMEOUT"),
    );
    call.close();
    expect(await codeOf(call.ended)).toBe("RX_ERR_CALL_TIMEOUT");
  });

  test("every read of `ended` settles when the call is closed", async () => {
    const { connection } = connect();
    const call = connection.open();
    const reads = [call.ended, call.ended];
    call.close();
    reads.push(call.ended);
    expect(await Promise.all(reads.map(codeOf))).toEqual(
      Array.from({ length: 3 }, () => "RX_ERR_CALL_CANCELLED"),
    );
  });

  test("`ended` of a call whose whole reply came resolves, also when it is first read after close()", async () => {
    const { rig, connection } = connect();
    const call = connection.open();
    await call.end(new Uint8Array(1));
    rig.exchange(answerer(rig).data(1, 8, LAST));
    call.close();
    expect(await codeOf(call.ended)).toBe("resolved");
    expect(await codeOf(call.read(1))).toBe("RX_ERR_CALL_CANCELLED");
  });

  test("bytes behind a gap that pass maxReplyBytes are no reason when the call ends by silence", async () => {
    const { rig, connection } = connect();
    const call = codeOf(connection.call(new Uint8Array(1), { maxReplyBytes: 4 }));
    rig.exchange(answerer(rig).data(2, 8));
    rig.pass(30_000_000);
    expect(await call).toBe("RX_ERR_CALL_TIMEOUT");
  });

  const wrong: [unknown, string][] = [
    [null, "options: expected an object, got null"],
    [[], "options: expected an object, got an array"],
    [{ maxReplyBytes: -1 }, "maxReplyBytes: expected an integer from 0"],
    [{ maxReplyBytes: 1.5 }, "maxReplyBytes: expected an integer from 0"],
    [{ maxReplyBytes: 1e300 }, "maxReplyBytes: expected an integer from 0"],
    [{ deadlineMs: Number.NaN }, "deadlineMs: expected an integer from 0"],
    [{ signal: {} }, "signal: expected an AbortSignal, got an object"],
    [{ deadline: 5 }, "options.deadline: expected one of"],
  ];
  test.each(wrong)("the options %o are refused, and no call begins", async (options, message) => {
    const { rig, connection } = connect();
    const refused = { code: "RX_ERR_OPTION", message: expect.stringContaining(message) };
    await expect(connection.call(new Uint8Array(1), options as object)).rejects.toMatchObject(refused);
    expect(() => connection.open(options as object)).toThrow(expect.objectContaining(refused));
    expect(rig.endpoint.local.calls.used).toBe(0);
  });
});

test.each([0, 1.5, 2 ** 31, -(2 ** 31) - 1, Number.NaN, "5", null, undefined])(
  "an RxAbort cannot have the code %s",
  (code) => {
    expect(() => new RxAbort(code as number)).toThrow("abortCode: expected a 32-bit integer other than 0");
  },
);
