// Which way the datagrams of a socket go, and what only the native way can: a closed port noticed at once without a
// connected socket.
import { afterEach, describe, expect, test, vi } from "vitest";
import { RxSocket } from "../../../src/node/rx-socket.js";
import { nodeSystem, transportPath } from "../../../src/node/system.js";
import { loadBinding } from "../../../src/transport/native/binding.js";
import { NativeUdp } from "../../../src/transport/native/native-udp.js";
import { UdpTransport } from "../../../src/transport/udp.js";

const isBuilt = loadBinding().binding !== undefined;

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("the path of datagrams", () => {
  test("is node:dgram when RXRPC_NATIVE is 0", () => {
    vi.stubEnv("RXRPC_NATIVE", "0");
    expect(transportPath()).toEqual({ path: "dgram", reason: "RXRPC_NATIVE=0" });
    expect(nodeSystem.bind(undefined, undefined)).toBeInstanceOf(UdpTransport);
    expect(nodeSystem.connect("127.0.0.1", 7_009)).toBeInstanceOf(UdpTransport);
  });

  test.skipIf(!isBuilt)("is native when RXRPC_NATIVE is 1", () => {
    vi.stubEnv("RXRPC_NATIVE", "1");
    expect(transportPath()).toEqual({
      path: "native",
      reason: `prebuilt for ${process.platform}-${process.arch}`,
    });
    expect(nodeSystem.bind("127.0.0.1", 0)).toBeInstanceOf(NativeUdp);
    expect(nodeSystem.connect("127.0.0.1", 7_009)).toBeInstanceOf(NativeUdp);
  });

  test("is node:dgram where there is no addon, whatever is wanted", () => {
    if (isBuilt) return;
    vi.stubEnv("RXRPC_NATIVE", "1");
    expect(transportPath()).toEqual({ path: "dgram", reason: loadBinding().reason });
  });
});

describe.skipIf(!isBuilt)("a socket on the native path", () => {
  test("a call to a closed port fails at once, and calls to others go on", async () => {
    vi.stubEnv("RXRPC_NATIVE", "1");
    await using server = await RxSocket.bind();
    await using socket = await RxSocket.bind();
    // A part of the loopback where no other program opens that port.
    const gone = await RxSocket.bind({ host: "127.77.0.1" });
    const { port } = gone;
    await gone.close();
    const service = server.service({ id: 52 });
    service.listen(4);
    const there = socket.connect({ host: "127.0.0.1", port: server.port, serviceId: 52 });
    const waiting = there.open();
    await waiting.write(new Uint8Array(4));
    const nowhere = socket.connect({ host: "127.77.0.1", port, serviceId: 52 });
    await expect(nowhere.call(new Uint8Array(4))).rejects.toMatchObject({ code: "RX_ERR_NETWORK" });
    const incoming = await service.nextCall();
    const call = incoming?.accept(1n);
    await waiting.end();
    await call?.write(Uint8Array.of(7));
    await call?.end();
    expect([...(await waiting.readAll())]).toEqual([7]);
    expect(socket.stats().transport.networkErrors).toBeGreaterThan(0);
  });
});
