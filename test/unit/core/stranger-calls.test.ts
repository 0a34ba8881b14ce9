// Calls of addresses that have proved nothing leave room for those of peers that have.
import { describe, expect, test } from "vitest";
import type { Service } from "../../../src/core/service.js";
import { Stat } from "../../../src/core/stats.js";
import { AckReason } from "../../../src/wire/ack.js";
import { clientTalker, type Talker } from "./packets.js";
import { addressOf, FRIEND, LAST, Rig } from "./rig.js";

const CALLS = 32;
const STRANGERS_PART = CALLS / 4;

const strangerOf = (n: number) => addressOf(`192.0.${n >> 8}.${n & 255}`, 7_001);
const talkerOf = (n: number): Talker => clientTalker({ cid: 0x10_000 + 4 * n });

function flooded(strangers = 100): { readonly rig: Rig; readonly service: Service } {
  const rig = new Rig({ options: { callsMax: CALLS } });
  const service = rig.offer({}, 4);
  for (let n = 1; n <= strangers; n++) open(rig, service, n);
  return { rig, service };
}

/** A whole request of stranger `n`, whose reply nobody will ever acknowledge. @returns what it was told at once */
function open(rig: Rig, service: Service, n: number): string[] {
  rig.feed(talkerOf(n).data(1, 8, LAST), strangerOf(n));
  rig.drain();
  const told = rig.names();
  answer(rig, service);
  return told;
}

function answer(rig: Rig, service: Service): number {
  const calls = rig.newCalls.splice(0);
  for (const handle of calls) {
    service.accept(handle, nextId++);
    handle.write(new Uint8Array(8), 0, 8);
    handle.end();
    handle.detach();
  }
  rig.drain();
  rig.poll();
  return calls.length;
}
let nextId = 1n;

describe("a flood of new calls from addresses that prove nothing", () => {
  test("takes a quarter of the calls, and the rest is there for those who have proved theirs", () => {
    const { rig, service } = flooded();
    expect(rig.stat(Stat.CallsAccepted)).toBe(STRANGERS_PART);
    for (let n = 200; n < 216; n++) {
      rig.feed(talkerOf(n).data(1, 8, LAST), FRIEND);
      rig.drain();
      expect(answer(rig, service), `call ${n}`).toBe(1);
    }
  });

  test("does not keep a newcomer out for longer than a proof takes: the oldest call gives way", () => {
    const { rig, service } = flooded();
    expect(open(rig, service, 300)).toEqual(["BUSY"]);
    rig.pass(500_000);
    const accepted = rig.stat(Stat.CallsAccepted);
    open(rig, service, 300);
    expect(rig.stat(Stat.CallsAccepted)).toBe(accepted + 1);
    expect(rig.endpoint.local.strangerCalls.count).toBe(STRANGERS_PART);
  });

  test("leaves alone whom it has not had time to prove itself, and whoever proves itself counts no more", () => {
    const { rig, service } = flooded(STRANGERS_PART - 1);
    rig.feed(talkerOf(50).data(1, 8, LAST), strangerOf(50));
    rig.drain();
    const ping = rig.poll().find((sent) => sent.ack?.reason === AckReason.Ping);
    expect(open(rig, service, 60)).toEqual(["BUSY"]);
    const serial = ping?.header.serial as number;
    rig.feed(talkerOf(50).ack({ reason: AckReason.PingResponse, serial }), strangerOf(50));
    expect(rig.endpoint.local.strangerCalls.count).toBe(STRANGERS_PART - 1);
    expect(open(rig, service, 61)).not.toContain("BUSY");
  });

  test("is over when its calls are: nothing is counted that is not alive", () => {
    const { rig } = flooded();
    rig.pass(120_000_000);
    expect(rig.endpoint.local.strangerCalls.count).toBe(0);
  });
});
