// What every UDP transport of this machine does, on real sockets: run over each of them.
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, test } from "vitest";
import type { SocketTransport } from "../../../src/node/system.js";
import type { UdpOptions } from "../../../src/transport/udp-options.js";
import { Address } from "../../../src/util/address.js";
import { RxOptionError } from "../../../src/util/errors.js";
import { eventually } from "../../eventually.js";
import { bytesOf, RecordingSink, until } from "./recording-sink.js";

function sendText(from: SocketTransport, to: Address, text: string): boolean {
  const bytes = bytesOf(text);
  return from.send(bytes, 0, bytes.length, to, to.format());
}

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some((entry) => entry.address === "::1"),
);

/** @param make a transport that is not open yet */
export function describeUdp(name: string, make: (options?: UdpOptions) => SocketTransport): void {
  const opened: SocketTransport[] = [];

  async function open(
    options: UdpOptions = {},
  ): Promise<{ transport: SocketTransport; sink: RecordingSink }> {
    const transport = make(options);
    opened.push(transport);
    const sink = new RecordingSink();
    await transport.open(sink);
    return { transport, sink };
  }

  async function freePort(): Promise<number> {
    const { transport } = await open();
    await transport.close();
    return transport.local.port;
  }

  afterEach(async () => {
    for (const transport of opened.splice(0)) await transport.close();
  });

  describe(`${name} on real sockets`, () => {
    test("binds 127.0.0.1 and a free port by default, and says which", async () => {
      const { transport } = await open();
      expect(transport.local.format()).toBe("127.0.0.1");
      expect(transport.local.port).toBeGreaterThan(0);
      expect(transport.granted.recvBufferBytes).toBeGreaterThan(0);
      expect(transport.granted.sendBufferBytes).toBeGreaterThan(0);
    });

    test("carries datagrams both ways with the sender's address, and counts them", async () => {
      const a = await open();
      const b = await open();
      expect(sendText(a.transport, b.transport.local, "ping")).toBe(true);
      await until(() => b.sink.datagrams.length === 1, "ping");
      const from = b.sink.datagrams[0]?.remote as Address;
      expect(from.equals(a.transport.local)).toBe(true);
      expect(sendText(b.transport, from, "pong!")).toBe(true);
      await until(() => a.sink.datagrams.length === 1, "pong");
      expect(a.sink.texts).toEqual(["pong!"]);
      expect(a.transport.counters).toMatchObject({
        datagramsOut: 1,
        bytesOut: 4,
        datagramsIn: 1,
        bytesIn: 5,
      });
      expect(b.transport.counters).toMatchObject({
        datagramsOut: 1,
        bytesOut: 5,
        datagramsIn: 1,
        bytesIn: 4,
      });
    });

    test("carries an empty datagram and the largest one", async () => {
      const a = await open();
      const b = await open();
      const large = new Uint8Array(65_507).map((_, i) => i);
      expect(a.transport.send(large, 0, 0, b.transport.local, "127.0.0.1")).toBe(true);
      expect(a.transport.send(large, 0, large.length, b.transport.local, "127.0.0.1")).toBe(true);
      await until(() => b.sink.datagrams.length === 2, "both");
      expect(b.sink.datagrams[0]?.bytes.length).toBe(0);
      expect(b.sink.datagrams[1]?.bytes).toEqual(large);
    });

    test("leaves the bytes to the caller again: a burst from one buffer arrives unmixed and in order", async () => {
      const a = await open();
      const b = await open();
      const buffer = new Uint8Array(200);
      for (let i = 0; i < 320; i++) {
        buffer.fill(i & 255);
        expect(a.transport.send(buffer, 3, 1 + (i % 150), b.transport.local, "127.0.0.1")).toBe(true);
      }
      buffer.fill(0);
      await until(() => b.sink.datagrams.length === 320, "the burst");
      b.sink.datagrams.forEach((datagram, i) => {
        expect(datagram.bytes).toEqual(new Uint8Array(1 + (i % 150)).fill(i & 255));
      });
    });

    test("tells apart senders that alternate", async () => {
      const server = await open();
      const first = await open();
      const second = await open({ host: "127.0.0.2" });
      for (const text of ["1", "2", "3", "4"]) {
        sendText(Number(text) % 2 === 1 ? first.transport : second.transport, server.transport.local, text);
      }
      await until(() => server.sink.datagrams.length === 4, "all four");
      for (const { bytes, remote } of server.sink.datagrams) {
        const sender = ((bytes[0] as number) & 1) === 1 ? first : second;
        expect(remote.equals(sender.transport.local)).toBe(true);
      }
    });

    test("resolves a host name when it binds and when it connects", async () => {
      const a = await open({ host: "localhost" });
      const b = await open({ connect: { host: a.transport.local.format(), port: a.transport.local.port } });
      const c = await open({ host: "127.0.0.1", connect: { host: "localhost", port: 9 } });
      expect(b.transport.local.port).toBeGreaterThan(0);
      expect(c.transport.local.format()).toBe("127.0.0.1");
    });

    test("a connected socket exchanges with its peer and knows its own address", async () => {
      const server = await open();
      const client = await open({ connect: { host: "127.0.0.1", port: server.transport.local.port } });
      expect(client.transport.local.format()).toBe("127.0.0.1");
      expect(sendText(client.transport, server.transport.local, "hello")).toBe(true);
      await until(() => server.sink.datagrams.length === 1, "hello");
      const from = server.sink.datagrams[0]?.remote as Address;
      expect(from.equals(client.transport.local)).toBe(true);
      sendText(server.transport, from, "hi");
      await until(() => client.sink.datagrams.length === 1, "hi");
      expect(client.sink.datagrams[0]?.remote.equals(server.transport.local)).toBe(true);
    });

    test("a connected socket refuses to send to anyone else", async () => {
      const server = await open();
      const other = await open();
      const client = await open({ connect: { host: "127.0.0.1", port: server.transport.local.port } });
      expect(sendText(client.transport, other.transport.local, "astray")).toBe(false);
      expect(client.transport.counters.sendErrors).toBe(1);
    });

    test.each([1, 2, 3, 4])("a closed port is reported after a burst of %i to it", async (burst) => {
      const port = await freePort();
      const { transport, sink } = await open({ connect: { host: "127.0.0.1", port } });
      const peer = Address.from("127.0.0.1", port) as Address;
      for (let i = 0; i < burst; i++) sendText(transport, peer, "anyone?");
      await until(() => sink.errors.length > 0, "ECONNREFUSED");
      expect(sink.errors[0]).toMatchObject({ code: "ECONNREFUSED" });
      expect(sendText(transport, peer, "still open")).toBe(true);
    });

    test("a port in use is a typed error, and the transport can be opened later", async () => {
      const first = await open();
      const port = first.transport.local.port;
      const second = make({ port });
      opened.push(second);
      const sink = new RecordingSink();
      await expect(second.open(sink)).rejects.toMatchObject({
        code: "RX_ERR_SOCKET",
        message: expect.stringContaining(`cannot bind UDP 127.0.0.1 port ${port}: EADDRINUSE`),
      });
      await first.transport.close();
      await second.open(sink);
      expect(second.local.port).toBe(port);
      const sender = await open();
      sendText(sender.transport, second.local, "now");
      await until(() => sink.datagrams.length === 1, "now");
    });

    test("a host name that is none is a typed error", async () => {
      const transport = make({ host: "x".repeat(300) });
      await expect(transport.open(new RecordingSink())).rejects.toMatchObject({ code: "RX_ERR_SOCKET" });
      await transport.close();
    });

    test("hears nothing after close, and close may come often, early and in the middle of open", async () => {
      const a = await open();
      const b = await open();
      sendText(a.transport, b.transport.local, "late");
      await Promise.all([b.transport.close(), b.transport.close()]);
      await b.transport.close();
      expect(sendText(b.transport, a.transport.local, "no")).toBe(false);
      await expect(b.transport.open(b.sink)).rejects.toMatchObject({ code: "RX_ERR_SOCKET_CLOSED" });

      const never = make();
      await never.close();
      await expect(never.open(a.sink)).rejects.toMatchObject({ code: "RX_ERR_SOCKET_CLOSED" });

      const midway = make();
      const opening = midway.open(a.sink);
      const closing = midway.close();
      await expect(opening).rejects.toMatchObject({ code: "RX_ERR_SOCKET_CLOSED" });
      await closing;
      expect(b.sink.datagrams.length).toBe(0);
    });

    test("refuses a second open", async () => {
      const a = await open();
      await expect(a.transport.open(a.sink)).rejects.toMatchObject({ code: "RX_ERR_SOCKET" });
    });

    test.skipIf(!hasIpv6)("carries datagrams over IPv6", async () => {
      const a = await open({ host: "::1" });
      const b = await open({ connect: { host: "::1", port: a.transport.local.port } });
      sendText(b.transport, a.transport.local, "six");
      await until(() => a.sink.datagrams.length === 1, "six");
      const from = a.sink.datagrams[0]?.remote as Address;
      expect(from.family).toBe(6);
      expect(from.equals(b.transport.local)).toBe(true);
      sendText(a.transport, from, "back");
      await until(() => b.sink.datagrams.length === 1, "back");
    });

    test.skipIf(!hasIpv6)(
      "a socket for both families shows IPv4 peers as IPv4 and answers them",
      async () => {
        const both = await open({ host: "::" });
        const four = await open();
        sendText(four.transport, Address.from("127.0.0.1", both.transport.local.port) as Address, "four");
        await until(() => both.sink.datagrams.length === 1, "four");
        const from = both.sink.datagrams[0]?.remote as Address;
        expect(from.equals(four.transport.local)).toBe(true);
        expect(sendText(both.transport, from, "answer")).toBe(true);
        await until(() => four.sink.datagrams.length === 1, "answer");
      },
    );

    test.skipIf(!hasIpv6)("ipv6Only leaves the port's IPv4 side free", async () => {
      // Of a port that is free on the IPv6 side, the IPv4 side may be somebody else's.
      await eventually(async () => {
        const six = await open({ host: "::", ipv6Only: true });
        const taken = async (cause: unknown): Promise<never> => {
          await six.transport.close();
          throw cause;
        };
        const four = await open({ host: "0.0.0.0", port: six.transport.local.port }).catch(taken);
        expect(four.transport.local.port).toBe(six.transport.local.port);
      });
    });

    test.skipIf(!hasIpv6)("an IPv4 socket drops what is for an IPv6 peer", async () => {
      const { transport } = await open();
      expect(sendText(transport, Address.from("::1", 9) as Address, "x")).toBe(false);
      expect(transport.counters.sendErrors).toBe(1);
    });

    test("drops port 0 and datagrams beyond the largest", async () => {
      const { transport } = await open();
      expect(sendText(transport, Address.from("127.0.0.1", 0) as Address, "x")).toBe(false);
      const long = new Uint8Array(65_508);
      expect(transport.send(long, 0, long.length, transport.local, "127.0.0.1")).toBe(false);
      expect(transport.counters).toMatchObject({ sendErrors: 2, datagramsOut: 0 });
    });
  });

  describe(`${name} options`, () => {
    test.each<[string, unknown]>([
      ["port", { port: 65_536 }],
      ["port", { port: "7009" }],
      ["host", { host: "" }],
      ["host", { host: 7 }],
      ["connect.port", { connect: { host: "127.0.0.1", port: 0 } }],
      ["connect.port", { connect: { host: "127.0.0.1" } }],
      ["connect.host", { connect: { port: 7009 } }],
      ["ipv6Only", { ipv6Only: "yes" }],
      ["recvBufferBytes", { recvBufferBytes: 0 }],
      ["sendBufferBytes", { sendBufferBytes: -1 }],
      ["sendQueueMaxBytes", { sendQueueMaxBytes: 0.5 }],
      ["udp.prot", { prot: 7009 }],
    ])("a wrong %s is refused by name", (option, options) => {
      let thrown: unknown;
      try {
        make(options as UdpOptions);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(RxOptionError);
      expect((thrown as RxOptionError).option).toBe(option);
    });

    test("a bound address of the other family than the peer's is refused", async () => {
      const transport = make({ host: "::1", connect: { host: "127.0.0.1", port: 9 } });
      await expect(transport.open(new RecordingSink())).rejects.toMatchObject({ option: "host" });
      await transport.close();
    });
  });
}
