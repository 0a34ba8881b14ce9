// What a socket holds of its services and connections, and what it refuses.
import { describe, expect, test, vi } from "vitest";
import { type ConnectOptions, RxSocket } from "../../../src/index.js";

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
