import { existsSync } from "node:fs";
import { endianness } from "node:os";
import { describe, expect, test } from "vitest";
import { parseKernelDrops, readKernelDrops } from "../../../src/transport/kernel-drops.js";
import { UdpTransport } from "../../../src/transport/udp.js";
import { Address } from "../../../src/util/address.js";
import { eventually } from "../../eventually.js";
import { RecordingSink } from "./recording-sink.js";

const HEAD =
  "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             ";

function line(local: string, drops: number): string {
  return `  123: ${local} 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 00000000abcdef01 ${drops}        `;
}

const at = (host: string, port: number): Address => Address.from(host, port) as Address;

// The table is in the machine's byte order; the lines here are of a little-endian one.
describe.skipIf(endianness() !== "LE")("parseKernelDrops()", () => {
  const table4 = [HEAD, line("0100007F:1B61", 7), line("00000000:1B61", 11), line("0100007F:1B62", 13)].join(
    "\n",
  );
  const table6 = [
    HEAD,
    line("00000000000000000000000001000000:1B61", 17),
    line("0000000000000000FFFF00000100007F:1B63", 19),
    line("B80D0120000000000000000001000000:1B61", 23),
  ].join("\n");

  test.each<[string, string, Address, number | undefined]>([
    ["a bound IPv4 address", table4, at("127.0.0.1", 7009), 7],
    ["the IPv4 wildcard", table4, at("0.0.0.0", 7009), 11],
    ["another port", table4, at("127.0.0.1", 7010), 13],
    ["an address that is not there", table4, at("127.0.0.2", 7009), undefined],
    ["a port that is not there", table4, at("127.0.0.1", 1), undefined],
    ["a bound IPv6 address", table6, at("::1", 7009), 17],
    ["another IPv6 address", table6, at("2001:db8::1", 7009), 23],
    ["an IPv4 address in the IPv6 table", table6, at("127.0.0.1", 7011), 19],
    ["an empty table", "", at("127.0.0.1", 7009), undefined],
    ["two sockets of one address", `${table4}\n${line("0100007F:1B61", 100)}`, at("127.0.0.1", 7009), 107],
    ["a line cut short", " 1: 0100007F:1B61 00000000:0000 07", at("127.0.0.1", 7009), undefined],
  ])("%s", (_what, text, local, drops) => {
    expect(parseKernelDrops(text, local)).toBe(drops);
  });
});

describe.skipIf(!existsSync("/proc/net/udp"))("readKernelDrops()", () => {
  test("counts what a full socket buffer drops, and knows no closed socket", async () => {
    const receiver = new UdpTransport({ recvBufferBytes: 4096 });
    const sender = new UdpTransport();
    await receiver.open(new RecordingSink());
    await sender.open(new RecordingSink());
    try {
      expect(await readKernelDrops(receiver.local)).toBe(0);
      const bytes = new Uint8Array(1000);
      // In one turn of the loop, so that nothing is read in between.
      for (let i = 0; i < 100; i++) sender.send(bytes, 0, 1000, receiver.local, "127.0.0.1");
      const drops = await eventually(async () => {
        const count = await readKernelDrops(receiver.local);
        expect(count).toBeGreaterThan(0);
        return count;
      });
      expect((drops ?? 0) + receiver.counters.datagramsIn).toBeLessThanOrEqual(100);
    } finally {
      await sender.close();
      await receiver.close();
    }
    expect(await readKernelDrops(receiver.local)).toBeUndefined();
  });

  test("finds an IPv6 socket when there is IPv6", async () => {
    const transport = new UdpTransport({ host: "::" });
    const isOpen = await transport.open(new RecordingSink()).then(
      () => true,
      () => false,
    );
    const drops = await readKernelDrops(transport.local);
    await transport.close();
    expect(drops).toBe(isOpen ? 0 : undefined);
  });
});
