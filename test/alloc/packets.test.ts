import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

// In a process of its own, with a young generation large enough that a single collection would show, and with the compiler
// in its own thread, so that what is compiled when does not depend on how busy the machine is.
const FLAGS = [
  "--expose-gc",
  "--no-concurrent-recompilation",
  "--min-semi-space-size=512",
  "--max-semi-space-size=512",
];
// On each of five paths.
const PACKETS_PER_PATH = 1_000_000;

interface Path {
  readonly name: string;
  readonly packets: number;
  readonly collections: number;
  readonly bytesPerPacket: number;
}

async function run(): Promise<readonly Path[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...FLAGS,
    "test/alloc/packets.mjs",
    String(PACKETS_PER_PATH),
  ]);
  return JSON.parse(stdout) as readonly Path[];
}

describe("packet paths of floors 0 to 3, clock started at 2^33 us", () => {
  it("make no garbage over 10^6 packets", async () => {
    const paths = await run();
    expect(paths.map((path) => path.name)).toEqual([
      "DATA",
      "ACK",
      "BUSY",
      "accept, known connection",
      "accept, new connection",
    ]);
    for (const path of paths) {
      expect(path.packets, path.name).toBeGreaterThanOrEqual(PACKETS_PER_PATH);
      expect(path.collections, path.name).toBe(0);
      // A packet object or a boxed number would be 16 bytes or more; what is left is the compiler's own, once.
      expect(path.bytesPerPacket, path.name).toBeLessThan(2);
    }
  }, 900_000);
});
