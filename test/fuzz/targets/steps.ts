// The steps of a scenario as bytes: a fixed record each, so that any bytes are a scenario and mutations keep to its borders.
import { joined } from "../mutate.js";

/** op, a, b, c, then x, y, z, w, each 32 bits, highest byte first. */
export const STEP_BYTES = 20;

/** What a step may be. The place in this list is the number in the corpus: append only. */
const OPS = [
  "data",
  "jumbo",
  "ack",
  "trailer",
  "ping",
  "pong",
  "abort",
  "other",
  "reflect",
  "replay",
  "junk",
  "write",
  "end",
  "read",
  "discard",
  "stop",
  "release",
  "lend",
  "accept",
  "pass",
  "poll",
  "drain",
  "listen",
  "begin",
  "bundle",
  "endpoint",
  "limit",
  "verdict",
  "skip",
  "charge",
] as const;
export type Op = (typeof OPS)[number];

/** Which call a packet is for, or a user's step; and its numbers, whose meaning is the op's. */
export interface Step {
  readonly op: Op;
  /** bits 0-1 call number (this, next, old, zero), 2-3 channel, 4-5 connection, 6 a client call's server speaks */
  readonly a: number;
  /** bits 0-2 address (0-4 the right one), 3-6 which call for user steps, 7 do not drain and poll afterwards */
  readonly b: number;
  /** flags of the packet, reason of an ACK, or a choice */
  readonly c: number;
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly w: number;
}

export function readSteps(bytes: Uint8Array): Step[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const steps: Step[] = [];
  for (let at = 0; at + STEP_BYTES <= bytes.length; at += STEP_BYTES) {
    steps.push({
      op: OPS[view.getUint8(at) % OPS.length] as Op,
      a: view.getUint8(at + 1),
      b: view.getUint8(at + 2),
      c: view.getUint8(at + 3),
      x: view.getInt32(at + 4),
      y: view.getInt32(at + 8),
      z: view.getInt32(at + 12),
      w: view.getInt32(at + 16),
    });
  }
  return steps;
}

type Fields = Partial<Omit<Step, "op">>;

/** One step as bytes; what is left out is 0. */
export function step(op: Op, fields: Fields = {}): Uint8Array {
  const bytes = new Uint8Array(STEP_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = OPS.indexOf(op);
  bytes[1] = fields.a ?? 0;
  bytes[2] = fields.b ?? 0;
  bytes[3] = fields.c ?? 0;
  view.setInt32(4, fields.x ?? 0);
  view.setInt32(8, fields.y ?? 0);
  view.setInt32(12, fields.z ?? 0);
  view.setInt32(16, fields.w ?? 0);
  return bytes;
}

export function scenario(...steps: readonly Uint8Array[]): Uint8Array {
  return joined(...steps);
}

/** A line a step. */
export function describeSteps(bytes: Uint8Array): string[] {
  return readSteps(bytes).map(({ op, ...fields }) => {
    const words = Object.entries(fields).filter(([, value]) => value !== 0);
    return [op, ...words.map(([name, value]) => `${name}=${value}`)].join(" ");
  });
}
