// The addon on paths that a loopback is not by itself: one with a small MTU, one that is slow. Each in a network of its own,
// which only root may make; skipped otherwise.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadBinding } from "../../src/transport/native/binding.js";

const CHILD = fileURLToPath(new URL("./paths-child.mjs", import.meta.url));
const FILE = fileURLToPath(
  new URL(`../../prebuilds/${process.platform}-${process.arch}/rxrpc-udp.node`, import.meta.url),
);

/** Runs shell commands in a network of their own. */
function isolated(commands: string): string {
  return execFileSync("unshare", ["-n", "sh", "-ec", commands], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}

function isPossible(commands: string): boolean {
  try {
    isolated(commands);
    return true;
  } catch {
    return false;
  }
}

const UP = "ip link set lo up";
const SLOW = "tc qdisc add dev lo root tbf rate 8mbit burst 20kb limit 100mb";
const run = (path: string): unknown => JSON.parse(isolated(`${path}; ${process.execPath} ${CHILD} ${FILE}`));
const hasAddon = loadBinding().binding !== undefined;

describe.skipIf(!hasAddon || !isPossible(UP))("the addon", () => {
  const whole = { heard: 60, isInOrder: true, lost: 0 };

  test("sends a run of equal datagrams as few messages", () => {
    // 45 datagrams of 1 444 bytes fill the largest IP packet.
    expect(run(UP)).toEqual({ ...whole, messages: 2, segments: 1, hasBlocked: false });
  });

  test("sends them singly where the MTU is smaller than they are", () => {
    expect(run(`${UP} mtu 1300`)).toMatchObject({ ...whole, messages: 60 });
  });

  test.skipIf(!isPossible(`${UP}; ${SLOW}`))("waits until a slow path takes more", () => {
    expect(run(`${UP}; ${SLOW}`)).toMatchObject({ ...whole, hasBlocked: true });
  });
});
