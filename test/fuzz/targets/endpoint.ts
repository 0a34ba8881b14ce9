// The endpoint under scenarios: packets of every kind in every state, users, time. Nothing is thrown, every count stays true,
// strangers get no more than their budget, nothing is left in the end, and nothing that goes out depends on old memory.
import type { EndpointOptions } from "../../../src/core/config.js";
import { CHANNELS, type Connection } from "../../../src/core/conn-object.js";
import type { ConnectionFacts, SecurityClass, SecurityContext } from "../../../src/core/security-class.js";
import { nullSecurity } from "../../../src/security/null.js";
import { AckReason } from "../../../src/wire/ack.js";
import { PacketType } from "../../../src/wire/packet-type.js";
import { FakeSecurity, GOOD, SLOW } from "../../unit/core/fake-security.js";
import { LAST } from "../../unit/core/rig.js";
import { holds, type Target } from "../target.js";
import { playStep } from "./play.js";
import { describeSteps, readSteps, STEP_BYTES, scenario, step } from "./steps.js";
import { World } from "./world.js";

const STEPS_MAX = 40;
const FILLS = [0xa5, 0x5a] as const;

/** Small, so that limits are met and a world is made in no time. */
const USUAL: EndpointOptions = {
  callsMax: 16,
  connectionsMax: 8,
  peersMax: 8,
  strangersMax: 4,
  strangersPerHostMax: 2,
  tombstonesMax: 8,
  buffersMax: 160,
  receiveWindowPackets: 16,
  transmitQueuePackets: 32,
  clientConnectionsMax: 2,
  waitingCallsMax: 4,
  // An idle endpoint wakes every second: hours of that would be most of a run.
  idleConnectionMs: 60_000,
  idleClientConnectionMs: 20_000,
  tombstoneMs: 20_000,
};
const TINY: EndpointOptions = {
  ...USUAL,
  callsMax: 5,
  connectionsMax: 3,
  peersMax: 3,
  strangersMax: 2,
  strangersPerHostMax: 1,
  tombstonesMax: 1,
  buffersMax: 12,
  receiveWindowPackets: 6,
  transmitQueuePackets: 4,
};

/** Remembers which connections have been sent something that did not verify. */
class WatchedSecurity extends FakeSecurity {
  readonly refused: Connection[] = [];

  override createContext(facts: ConnectionFacts): SecurityContext {
    const context = super.createContext(facts);
    return {
      ...context,
      verifyData: (header, bytes, range) => {
        const verdict = context.verifyData(header, bytes, range);
        // What the core hands to a class is its connection.
        if (verdict !== 0) this.refused.push(facts as Connection);
        return verdict;
      },
    };
  }

  /** A call that was sent something bad gives nothing of it, and nothing after it, to its reader: it is over. */
  check(world: World): void {
    for (const connection of this.refused.splice(0)) {
      for (let channel = 0; channel < CHANNELS; channel++) {
        const call = world.rig.endpoint.local.callAt(connection.callSlot(channel));
        holds(call?.isLive !== true, "a call lives on after a packet that did not verify");
      }
    }
  }
}

function endpointTarget(
  name: string,
  options: EndpointOptions,
  seeds: Readonly<Record<string, Uint8Array>>,
  backlog = 4,
  isSecured = false,
): Target {
  const play = (input: Uint8Array, fill: number): string[] => {
    const fake = isSecured ? new WatchedSecurity() : null;
    const security: SecurityClass[] = fake === null ? [nullSecurity] : [nullSecurity, fake];
    const world = new World({ options, security }, fill, backlog);
    for (const each of readSteps(input)) {
      playStep(world, each);
      world.check();
      fake?.check(world);
    }
    world.note();
    world.finish();
    holds((fake?.live ?? 0) === 0, `${fake?.live} security contexts are left`);
    return world.story;
  };
  return {
    name,
    recordBytes: STEP_BYTES,
    bytesMax: STEPS_MAX * STEP_BYTES,
    weight: 12,
    seeds,
    run(input, isThorough) {
      const story = play(input, FILLS[0]);
      if (!isThorough) return;
      const other = play(input, FILLS[1]);
      holds(
        story.length === other.length,
        `${story.length} events with one filling, ${other.length} with another`,
      );
      const at = story.findIndex((line, i) => line !== other[i]);
      holds(at < 0, `event ${at} shows old memory: ${hex(story[at])} or ${hex(other[at])}`);
    },
    describe: describeSteps,
  };
}

function hex(text: string | undefined): string {
  return Buffer.from(text ?? "", "latin1").toString("hex");
}

const REQUEST = step("data", { y: 8, c: LAST });
const FIRST = step("data", { y: 1_412 });
const ACCEPT = step("accept", { x: 1 });
const REPLY = [step("write", { y: 8 }), step("end")];
const LONG_REPLY = step("write", { y: 20_000 });
const DONE = step("ack", { x: 1, c: AckReason.Idle });
/** A bit of `a`: the step is about a client call; of `b`: it comes from a stranger. */
const OURS = 0x40;
const STRANGE = 5;
const CHANNEL_1 = 4;
const SECOND = 8;
const BEGIN = [step("begin"), step("write", { a: OURS, y: 8 })];
const OUR_END = step("end", { a: OURS });
const HALF_A_SECOND = step("pass", { x: 6 });

const SERVICE: Readonly<Record<string, Uint8Array>> = {
  "recv-request": scenario(FIRST, ACCEPT),
  "ack-request": scenario(REQUEST, ACCEPT),
  "send-reply": scenario(REQUEST, ACCEPT, LONG_REPLY, HALF_A_SECOND, step("ack", { c: 7, z: 0xa02, w: 1 })),
  "await-ack": scenario(REQUEST, ACCEPT, ...REPLY, HALF_A_SECOND),
  succeeded: scenario(REQUEST, ACCEPT, ...REPLY, DONE, step("data", { a: 1, y: 8, c: LAST })),
  aborted: scenario(REQUEST, ACCEPT, step("stop", { x: 42 }), step("ack")),
  "aborted-by-peer": scenario(REQUEST, ACCEPT, step("abort", { x: 43 }), REQUEST),
  "jumbo-request": scenario(step("jumbo", { y: 2, z: 9, c: LAST }), ACCEPT, step("read", { y: 9_000 })),
  "behind-a-gap": scenario(
    FIRST,
    step("data", { x: 2, y: 9 }),
    step("data", { y: 9 }),
    ACCEPT,
    step("read", { y: 9_999 }),
  ),
  "stranger-proved": scenario(
    step("data", { b: STRANGE, y: 100, c: LAST }),
    step("pong"),
    ACCEPT,
    ...REPLY,
    HALF_A_SECOND,
  ),
  refused: scenario(...[0, 4, 8, 12, 16].map((a) => step("data", { a, y: 8, c: LAST })), step("listen")),
  reflected: scenario(REQUEST, ACCEPT, ...REPLY, step("reflect", { c: 1 }), step("reflect", { x: 1 })),
  lent: scenario(
    REQUEST,
    ACCEPT,
    step("lend", { y: 9_999 }),
    step("end"),
    step("ack", { x: 2, c: 9 }),
    HALF_A_SECOND,
  ),
  "soft-then-revoked": scenario(
    REQUEST,
    ACCEPT,
    LONG_REPLY,
    step("ack", { c: AckReason.OutOfSequence, z: 0xe04 }),
    step("ack", { c: AckReason.Delay, z: 4 }),
    HALF_A_SECOND,
    step("ack", { c: AckReason.Delay, z: 0x604 }),
  ),
  // The second call takes all there is; the first waits for a buffer, is handed one, and ends with it.
  "starved-reader": scenario(
    step("data", { a: CHANNEL_1, y: 1_412 }),
    ...Array.from({ length: 9 }, () => FIRST),
    step("data", { a: CHANNEL_1, y: 9 }),
    step("read", { b: SECOND, y: 3_000 }),
    step("abort", { a: CHANNEL_1, x: 5 }),
  ),
  "starved-writer": scenario(
    step("data", { a: CHANNEL_1, y: 8, c: LAST }),
    ...Array.from({ length: 9 }, () => FIRST),
    step("write", { y: 20_000 }),
    step("read", { b: SECOND, y: 3_000 }),
    step("abort", { a: CHANNEL_1, x: 5 }),
  ),
  "call-numbers-wrap": scenario(
    step("endpoint", { c: 4, x: 0x7fff_fffe }),
    REQUEST,
    step("data", { a: 1, y: 8, c: LAST }),
    step("data", { a: 1, y: 8, c: LAST }),
    step("endpoint", { c: 4, x: -1 }),
    step("data", { a: 1, y: 8, c: LAST }),
    step("data", { a: 1, y: 8, c: LAST }),
  ),
  questions: scenario(
    REQUEST,
    ...[1, 2, 3, 4, 5, 9].map((x) => step("other", { c: PacketType.Debug, x, z: 8 })),
    step("other", { c: PacketType.Version, z: 1 }),
  ),
};

const CLIENT: Readonly<Record<string, Uint8Array>> = {
  "send-request": scenario(...BEGIN, HALF_A_SECOND),
  "await-reply": scenario(...BEGIN, OUR_END, step("ack", { a: OURS, x: 1, c: 8 }), HALF_A_SECOND),
  "recv-reply": scenario(...BEGIN, OUR_END, step("data", { a: OURS, y: 8 }), step("read", { a: OURS, y: 9 })),
  "our-success": scenario(...BEGIN, OUR_END, step("data", { a: OURS, y: 8, c: LAST }), HALF_A_SECOND),
  "our-abort": scenario(...BEGIN, OUR_END, step("stop", { a: OURS, x: 42 }), step("data", { a: OURS, y: 8 })),
  "their-abort": scenario(...BEGIN, OUR_END, step("abort", { a: OURS, x: 43 })),
  busy: scenario(...BEGIN, OUR_END, step("other", { a: OURS, c: PacketType.Busy }), step("pass", { x: 8 })),
  "calls-wait": scenario(...Array.from({ length: 6 }, () => step("begin")), step("bundle")),
};

const SECURED = 0x80;
const SECRET: Readonly<Record<string, Uint8Array>> = {
  challenge: scenario(step("data", { a: SECURED, y: 20, c: LAST }), step("pass", { x: 8 })),
  response: scenario(
    step("data", { a: SECURED, y: 20, c: LAST }),
    step("other", { a: SECURED, c: PacketType.Response, x: GOOD << 24, z: 1, w: 1 }),
    ACCEPT,
    ...REPLY,
    DONE,
  ),
  "slow-response": scenario(
    step("data", { a: SECURED, y: 20, c: LAST }),
    step("other", { a: SECURED, c: PacketType.Response, x: SLOW << 24, z: 1, w: 1 }),
    step("verdict"),
    ACCEPT,
    ...REPLY,
  ),
  "bad-payload": scenario(
    step("data", { a: SECURED, y: 20 }),
    step("other", { a: SECURED, c: PacketType.Response, x: GOOD << 24, z: 1, w: 1 }),
    step("replay", { y: 0x1cee }),
    step("data", { a: SECURED, x: 1, y: 5_000 }),
  ),
  "bad-long-payload": scenario(
    step("data", { a: SECURED, y: 20 }),
    step("other", { a: SECURED, c: PacketType.Response, x: GOOD << 24, z: 1, w: 1 }),
    step("data", { a: SECURED, y: 5_000, w: 0x1cee }),
    step("data", { a: SECURED, y: 20, c: LAST }),
  ),
};

export const ENDPOINT_TARGETS: readonly Target[] = [
  endpointTarget("endpoint", USUAL, { ...SERVICE, ...CLIENT }),
  endpointTarget("endpoint-tiny", TINY, { ...SERVICE, ...CLIENT }, 2),
  endpointTarget("endpoint-secured", USUAL, { ...SERVICE, ...SECRET }, 4, true),
];
