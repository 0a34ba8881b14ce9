// Plays one case of a wire script against an endpoint of its own, in hand-made time: every packet out must be the next one
// that the script expects, at its time, and no packet may be missing.
import type { Address } from "../../src/util/address.js";
import { getInt32 } from "../../src/util/bytes.js";
import { describePacket } from "../../src/wire/describe.js";
import { HeaderOffset } from "../../src/wire/header.js";
import type { Sent } from "../unit/core/rig.js";
import { addressNamed } from "./addresses.js";
import { differences, encode } from "./packets.js";
import { type Case, type PacketLine, ScriptError, type Step } from "./script.js";
import { Stage } from "./stage.js";

const TRACE_LINES_MAX = 60;

interface Pending {
  readonly atUs: number;
  readonly sent: Sent;
}

/** @throws Error with file, line and a trace of all packets when the endpoint does not do what the script says */
export function play(file: string, one: Case): void {
  new Player(file, one, stageOf(file, one)).run();
}

function stageOf(file: string, one: Case): Stage {
  try {
    return new Stage(one.role, one.settings);
  } catch (cause) {
    throw new ScriptError(file, one.line, cause instanceof Error ? cause.message : String(cause));
  }
}

class Player {
  readonly #file: string;
  readonly #case: Case;
  readonly #stage: Stage;
  /** Sent by the endpoint and not expected yet. */
  readonly #pending: Pending[] = [];
  readonly #trace: string[] = [];
  readonly #names = new Map<string, number>();
  /** When the line before happened. */
  #atUs: number;
  readonly #beganUs: number;
  #serial = 1_000;

  constructor(file: string, one: Case, stage: Stage) {
    this.#file = file;
    this.#case = one;
    this.#stage = stage;
    this.#beganUs = this.#stage.rig.nowUs;
    this.#atUs = this.#beganUs;
  }

  run(): void {
    for (const step of this.#case.steps) {
      for (let i = 0; i < step.times; i++) this.#guarded(step.line, step.text, () => this.#play(step));
    }
    this.#guarded(this.#case.line, "the end", () => this.#expectNothing());
  }

  #guarded(line: number, text: string, run: () => void): void {
    try {
      run();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const trace = this.#trace.slice(-TRACE_LINES_MAX);
      const lines = [`${this.#file}:${line}: ${text}`, `  ${why}`, "", "What went before:", ...trace];
      throw new Error(lines.join("\n"));
    }
  }

  #play(step: Step): void {
    switch (step.kind) {
      case "out":
        return this.#expect(step);
      case "in":
        this.#goTo(this.#atUs + step.afterUs);
        return this.#feed(step);
      case "do":
        this.#goTo(this.#atUs + step.afterUs);
        this.#note(step.text.replace(/^[+~]\S+\s+/, ""));
        for (const action of step.actions) this.#stage.act(step.verb, step.callIndex, action);
        return this.#collect();
    }
  }

  // ---- time

  /** Lets time pass until `untilUs`; whatever is sent on the way was not expected. */
  #goTo(untilUs: number): void {
    this.#advance(untilUs, false);
    this.#expectNothing();
    this.#atUs = untilUs;
  }

  #advance(untilUs: number, stopsAtPacket: boolean): void {
    const { rig } = this.#stage;
    for (let turns = 0; !(stopsAtPacket && this.#pending.length > 0); turns++) {
      const nextUs = rig.endpoint.nextTimeoutUs();
      if (nextUs > untilUs) break;
      if (turns > 100_000) throw new Error("timers do not come to rest");
      rig.nowUs = Math.max(rig.nowUs, nextUs);
      rig.endpoint.handleTimeout(rig.nowUs);
      this.#collect();
    }
    if (stopsAtPacket && this.#pending.length > 0) return;
    rig.nowUs = untilUs;
    rig.endpoint.advance(untilUs);
  }

  #collect(): void {
    for (const sent of this.#stage.settle()) {
      this.#note(`< ${describePacket(sent.bytes, 0, sent.bytes.length)}`);
      this.#pending.push({ atUs: this.#stage.rig.nowUs, sent });
    }
  }

  #note(what: string): void {
    this.#trace.push(
      `${((this.#stage.rig.nowUs - this.#beganUs) / 1_000).toFixed(3).padStart(12)} ms  ${what}`,
    );
  }

  // ---- packets out

  #expectNothing(): void {
    const [first] = this.#pending;
    if (first === undefined) return;
    const { bytes } = first.sent;
    const after = (first.atUs - this.#atUs) / 1_000;
    throw new Error(
      `not expected, ${after} ms after the line before: < ${describePacket(bytes, 0, bytes.length)}`,
    );
  }

  #expect(step: Step & { kind: "out" }): void {
    const range = step.packet.fields.find(({ name }) => name === "seq")?.value;
    if (range?.kind !== "range") return this.#expectOne(step.packet, step.afterUs, step.slackUs, null);
    for (let seq = range.first; seq <= range.last; seq++) {
      const isFirst = seq === range.first;
      this.#expectOne(step.packet, isFirst ? step.afterUs : 0, isFirst ? step.slackUs : 0, seq);
    }
  }

  #expectOne(line: PacketLine, afterUs: number, slackUs: number, seq: number | null): void {
    const earliestUs = this.#atUs + afterUs;
    this.#advance(earliestUs + slackUs, true);
    const next = this.#pending.shift();
    const which = seq === null ? "" : ` (seq ${seq})`;
    if (next === undefined) throw new Error(`nothing was sent${which}`);
    const found = differences(line, next.sent, seq, this.#names);
    if (line.callIndex > 0) found.push(...this.#otherCall(line, next.sent));
    if (next.atUs < earliestUs || next.atUs > earliestUs + slackUs) {
      found.unshift(`it came ${(next.atUs - this.#atUs) / 1_000} ms after the line before`);
    }
    if (found.length > 0) {
      const { bytes } = next.sent;
      throw new Error(`${found.join(", ")}${which}: < ${describePacket(bytes, 0, bytes.length)}`);
    }
    this.#name(line, next.sent.header.serial, seq);
    this.#atUs = next.atUs;
  }

  #otherCall(line: PacketLine, { header }: Sent): string[] {
    const identity = this.#stage.identity(line.callIndex);
    const isSame = header.cid === identity.cid && header.callNumber === identity.callNumber;
    return isSame && header.epoch === identity.epoch ? [] : [`not of call ${line.callIndex}`];
  }

  // Of a range each packet has its own name: `as=p` with `seq=1..3` makes $p1, $p2, $p3.
  #name(line: PacketLine, serial: number, seq: number | null): void {
    const as = line.fields.find(({ name }) => name === "as")?.value;
    if (as?.kind === "text") this.#names.set(seq === null ? as.text : `${as.text}${seq}`, serial);
  }

  // ---- packets in

  #feed(step: Step & { kind: "in" }): void {
    const { packet } = step;
    const seq = packet.fields.find(({ name }) => name === "seq")?.value;
    if (seq?.kind === "range") {
      for (let at = seq.first; at <= seq.last; at++) this.#feedOne(packet, at, true, step.hasMore);
      return;
    }
    this.#feedOne(packet, seq?.kind === "number" ? seq.number : 0, false, step.hasMore);
  }

  #feedOne(line: PacketLine, seq: number, isRange: boolean, hasMore: boolean): void {
    const stage = this.#stage;
    const identity = stage.identity(line.callIndex);
    const bytes = encode(line, identity, stage.role === "server", this.#serial, seq, this.#names);
    const segments = line.fields.find(({ name }) => name === "segments")?.value;
    this.#name(line, getInt32(bytes, HeaderOffset.Serial), isRange ? seq : null);
    this.#serial += segments?.kind === "number" ? segments.number : 1;
    const from = this.#addressFor(line);
    this.#note(`> ${describePacket(bytes, 0, bytes.length)}`);
    stage.rig.feed(bytes, from);
    if (!hasMore) this.#collect();
  }

  #addressFor(line: PacketLine): Address {
    const from = line.fields.find(({ name }) => name === "from")?.value;
    return from?.kind === "text" ? addressNamed(from.text) : this.#stage.peer;
  }
}
