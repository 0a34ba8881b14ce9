// What a socket holds of its services and connections, and what it refuses.
import { describe, expect, test, vi } from "vitest";
import { type ConnectOptions, RxSocket } from "../../../src/index.js";
import { eventually } from "../../eventually.js";

const PEER = { host: "127.0.0.1", port: 9, serviceId: 53 };

describe("RxSocket", () => {
  test("lets go of services and connections that have been closed, and closes the others", async () => {
    const socket = await RxSocket.bind();
    const [closed, open] = [socket.connect(PEER), socket.connect(PEER)];
    const [stopped, listening] = [socket.service({ id: 1 }), socket.service({ id: 2 })];
    closed.close();
    stopped.close();
    const told = {
      closed: vi.spyOn(closed, "close"),
      open: vi.spyOn(open, "close"),
      stopped: vi.spyOn(stopped, "closeWith"),
      listening: vi.spyOn(listening, "closeWith"),
    };
    await socket.close(-100);
    expect(told.closed).not.toHaveBeenCalled();
    expect(told.stopped).not.toHaveBeenCalled();
    expect(told.open).toHaveBeenCalledOnce();
    expect(told.listening.mock.calls).toEqual([[-100]]);
  });

  test("a handler whose socket is closed under it is told so, and not that its peer has fallen silent", async () => {
    await using socket = await RxSocket.bind();
    await using peer = await RxSocket.bind();
    const told = new Promise<unknown>((resolve) => {
      const plain = socket.service({ id: 53 });
      plain.listen(1);
      void plain.nextCall().then((incoming) => incoming?.accept(1n).read(10).then(resolve, resolve));
    });
    const connection = peer.connect({ ...PEER, port: socket.port });
    const call = connection.open();
    call.ended.catch(() => undefined);
    await call.write(new Uint8Array(5));
    await eventually(() => expect(socket.stats().services[0]?.accepted).toBe(1));
    await eventually(() => expect(socket.stats().services[0]?.waiting).toBe(0));
    await socket.close(-100);
    expect(await told).toMatchObject({ code: "RX_ERR_SOCKET_CLOSED", abortCode: -100 });
    call.close();
  });

  test.each([
    [{ port: undefined }, "port: expected an integer from 1 to 65535, got undefined"],
    [{ port: 0 }, "port: expected an integer from 1 to 65535, got 0"],
    [{ host: undefined }, "host: expected an IP address or localhost, got undefined"],
    [{ host: "example.org" }, 'host: expected an IP address or localhost, got "example.org"'],
    [{ serviceId: undefined }, "serviceId: expected an integer from 1 to 65535, got undefined"],
    [{ securityIndex: 2 }, "securityIndex: expected the index of a class of this socket, got 2"],
    [{ deadlineMs: 5 }, "options.deadlineMs: expected one of"],
  ])("connect() refuses %o by name", async (changes, message) => {
    await using socket = await RxSocket.bind();
    expect(() => socket.connect({ ...PEER, ...changes } as ConnectOptions)).toThrow(message);
  });
});
