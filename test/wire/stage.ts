// What a case is played on: a production endpoint in one role, the calls it has, and what its users do.
import type { CallHandle, CallListener } from "../../src/core/call-handle.js";
import { type Call, CallState, Completion } from "../../src/core/call-object.js";
import { ENDPOINT_OPTION_NAMES, type EndpointOptions } from "../../src/core/config.js";
import type { Bundle } from "../../src/core/conn-client.js";
import type { RefusalPolicy, Service } from "../../src/core/service.js";
import { BufferClass } from "../../src/memory/buffer-class.js";
import { nullSecurity } from "../../src/security/null.js";
import type { Address } from "../../src/util/address.js";
import { AckReason } from "../../src/wire/ack.js";
import { FakeSecurity } from "../unit/core/fake-security.js";
import { Talker } from "../unit/core/packets.js";
import { LAST, Rig, type Sent } from "../unit/core/rig.js";
import { addressNamed } from "./addresses.js";
import type { Identity } from "./packets.js";
import type { Action } from "./script.js";

const CLIENT_EPOCH = -0x1234567;
const CLIENT_CID = 0x1000;
/** Round trips that a path with a known one has been measured by: no PING goes out for want of them. */
const SAMPLES = 3;
/** Calls before the case use this channel of the service. */
const FORMER_CHANNEL = 3;
const FINAL_ACK_US = 20_000;

/** One call of the case, and how it ended. */
class Played implements CallListener {
  readonly handle: CallHandle;
  identity: Identity | null = null;

  constructor(handle: CallHandle) {
    this.handle = handle;
    handle.listener = this;
  }

  handleCallEvents(handle: CallHandle, events: number): void {
    if ((events & 8) !== 0) handle.release();
  }

  /** The call as long as it is alive. */
  get call(): Call {
    const { call } = this.handle;
    if (call === null) throw new Error("the call has ended");
    return call;
  }

  get state(): string {
    const { call } = this.handle;
    if (call === null) return "Complete";
    return Object.entries(CallState).find(([, state]) => state === call.state)?.[0] ?? String(call.state);
  }
}

export class Stage {
  readonly role: "server" | "client";
  readonly rig: Rig;
  readonly peer: Address;
  readonly #settings: ReadonlyMap<string, string>;
  readonly #service: Service | null = null;
  readonly #bundle: Bundle | null = null;
  readonly #fake: FakeSecurity | null;
  readonly #calls: Played[] = [];
  readonly #serviceId: number;
  readonly #securityIndex: number;
  readonly #before: Readonly<Record<string, number>>;
  readonly #taken: number[] = [];
  #seen = 0;

  constructor(role: "server" | "client", settings: ReadonlyMap<string, string>) {
    this.role = role;
    this.#settings = settings;
    this.#fake = this.#text("security", "null") === "fake" ? new FakeSecurity() : null;
    this.#securityIndex = this.#fake?.securityIndex ?? 0;
    this.rig = new Rig({
      options: this.#options(),
      security: this.#fake === null ? [nullSecurity] : [nullSecurity, this.#fake],
      seed: this.#number("seed", 1),
    });
    this.peer = addressNamed(this.#text("peer", "peer"));
    this.#serviceId = this.#number("service", 147);
    if (role === "server") this.#service = this.#offer();
    else this.#bundle = this.#open();
    const rttUs = this.#number("rtt", 0);
    if (rttUs > 0) this.#measure(rttUs);
    this.#before = this.rig.endpoint.local.stats.snapshot();
  }

  #text(name: string, fallback: string): string {
    return this.#settings.get(name) ?? fallback;
  }

  #number(name: string, fallback: number): number {
    const text = this.#settings.get(name);
    if (text === undefined) return fallback;
    if (!/^-?\d+$/.test(text)) throw new Error(`setting ${name}=${text} is no number`);
    return Number(text);
  }

  #options(): EndpointOptions {
    const options: Record<string, number | string | string[]> = {};
    for (const [name, text] of this.#settings) {
      if (!ENDPOINT_OPTION_NAMES.includes(name)) continue;
      if (name === "trusted") options[name] = text.split(",");
      else options[name] = name === "versionText" ? text.replace(/^"(.*)"$/, "$1") : this.#number(name, 0);
    }
    return options;
  }

  #offer(): Service {
    const upgradeTo = this.#number("upgradeTo", 0);
    const backlog = this.#number("backlog", 4);
    const settings = {
      serviceId: this.#serviceId,
      policy: policyOf(this.#text("policy", "busy")),
      callsPerPeerMax: this.#number("perPeer", 1_024),
      requestMaxBytes: this.#number("requestMax", 1 << 30),
      upgradeTo,
    };
    if (upgradeTo > 0) this.rig.offer({ ...settings, serviceId: upgradeTo, upgradeTo: 0 }, backlog);
    return this.rig.offer(settings, backlog);
  }

  #open(): Bundle {
    return this.rig.endpoint.openBundle({
      remote: this.peer,
      serviceId: this.#serviceId,
      securityIndex: this.#securityIndex,
      connectionsMax: this.#number("connections", 1),
      wantsUpgrade: this.#text("upgrade", "no") === "yes",
    });
  }

  /** Runs what waits in the event cache, takes new calls. @returns what the endpoint has sent */
  settle(): Sent[] {
    this.rig.drain();
    while (this.#seen < this.rig.newCalls.length) {
      const handle = this.rig.newCalls[this.#seen++] as CallHandle;
      this.#calls.push(new Played(handle));
      if (this.#text("accept", "yes") === "yes") this.#accept(handle, this.#seen);
      this.rig.drain();
    }
    const sent = this.rig.poll();
    for (const played of this.#calls) this.#identify(played);
    return sent;
  }

  #accept(handle: CallHandle, id: number): void {
    if (!handle.isEnded) this.#service?.accept(handle, BigInt(id));
  }

  // A call object goes round: what its packets share is read while it has a connection.
  #identify(played: Played): void {
    const { call } = played.handle;
    if (call === null || call.connection === null) return;
    played.identity = {
      epoch: call.connection.epoch,
      cid: call.connection.connectionId | call.channel,
      callNumber: call.callNumber,
      serviceId: call.connection.serviceId,
      securityIndex: call.connection.securityIndex,
    };
  }

  /** Of the n-th call. For 0 it is the client's newest call, or the service's client's first call number on channel 0. */
  identity(callIndex: number): Identity {
    if (callIndex === 0 && this.role === "server") {
      return {
        epoch: CLIENT_EPOCH,
        cid: CLIENT_CID,
        callNumber: 1,
        serviceId: this.#serviceId,
        securityIndex: this.#securityIndex,
      };
    }
    const { identity } = this.#played(callIndex);
    if (identity === null) throw new Error("the call has not been on the wire yet");
    return identity;
  }

  #played(callIndex: number): Played {
    const played = callIndex === 0 ? this.#calls.at(-1) : this.#calls[callIndex - 1];
    if (played === undefined) throw new Error(`there is no call ${callIndex === 0 ? "yet" : callIndex}`);
    return played;
  }

  // ---- a path that is known

  // Calls before the case, each with one measured round trip, so that the case begins with a known path.
  #measure(rttUs: number): void {
    if (this.#fake !== null) throw new Error("rtt is for unsecured endpoints");
    for (let n = 1; n <= SAMPLES; n++) {
      if (this.role === "server") this.#measureAsServer(n, rttUs);
      else this.#measureAsClient(rttUs);
      this.rig.drain();
    }
    // The client's final ACK is of the calls before.
    this.rig.pass(FINAL_ACK_US);
    if (this.rig.poll().length > 0) throw new Error("the calls before the case have left something behind");
    this.#seen = this.rig.newCalls.length;
    this.#calls.length = 0;
  }

  #measureAsServer(callNumber: number, rttUs: number): void {
    const { rig } = this;
    const talker = new Talker({
      epoch: CLIENT_EPOCH,
      cid: CLIENT_CID | FORMER_CHANNEL,
      callNumber,
      serviceId: this.#serviceId,
      flags: 1,
    });
    rig.feed(talker.data(1, 8, LAST), this.peer);
    rig.drain();
    const [ping] = rig.poll();
    const handle = rig.newCalls.at(-1);
    if (ping === undefined || handle === undefined) throw new Error("no PING for a new call");
    new Played(handle);
    this.#accept(handle, -callNumber);
    rig.nowUs += rttUs;
    rig.feed(
      talker.ack({ reason: AckReason.PingResponse, serial: ping.header.serial, jumboMax: 1 }),
      this.peer,
    );
    handle.end();
    rig.poll();
    rig.feed(talker.ack({ firstPacket: 2, previousPacket: 1, jumboMax: 1 }), this.peer);
  }

  #measureAsClient(rttUs: number): void {
    const { rig } = this;
    const played = this.#begin();
    played.handle.write(new Uint8Array(8), 0, 8);
    played.handle.end();
    const [data] = rig.poll();
    if (data === undefined) throw new Error("no DATA of a new call");
    const { epoch, cid, callNumber, serviceId } = data.header;
    const talker = new Talker({ epoch, cid, callNumber, serviceId, flags: 0 });
    rig.nowUs += rttUs;
    const { serial } = data.header;
    rig.feed(talker.ack({ reason: AckReason.Requested, firstPacket: 2, serial, jumboMax: 1 }), this.peer);
    rig.feed(talker.data(1, 8, LAST), this.peer);
  }

  #begin(): Played {
    if (this.#bundle === null) throw new Error("a server begins no calls");
    const played: Played = new Played(
      this.rig.endpoint.beginCall(this.#bundle, { handleCallEvents: () => undefined }),
    );
    this.#calls.push(played);
    return played;
  }

  // ---- what users do

  act(verb: string, callIndex: number, action: Action): void {
    switch (verb) {
      case "call":
        return this.#actOnCall(callIndex, action);
      case "calls":
        return same("calls that came", this.#calls.length, Number(action.argument));
      case "count":
        return same(action.name, this.#counted(action.name), Number(action.argument));
      case "service":
        return this.#actOnService(action);
      case "buffers":
        return this.#actOnBuffers(action);
      case "client":
        if (this.#bundle !== null) this.rig.endpoint.closeBundle(this.#bundle);
        return;
      case "security":
        this.#fake?.connections.at(-1)?.resolve(Number(action.argument));
        return;
      case "network":
        this.rig.endpoint.handleNetworkError(this.peer);
        return;
      default:
        return;
    }
  }

  #counted(name: string): number {
    const now: Readonly<Record<string, number>> = this.rig.endpoint.local.stats.snapshot();
    return (now[name] as number) - (this.#before[name] as number);
  }

  #actOnService({ name, argument }: Action): void {
    if (name === "stop") this.#service?.listen(0);
    else if (name === "open") this.#service?.listen(Number(argument));
    else this.rig.endpoint.drain();
  }

  // Stands for other calls that use the pool up.
  #actOnBuffers({ name, argument }: Action): void {
    const { buffers } = this.rig.endpoint.local;
    if (name === "take") {
      const count = argument === "all" ? buffers.freeFor(BufferClass.End) : Number(argument);
      for (let i = 0; i < count; i++) this.#taken.push(buffers.take(BufferClass.End));
    } else {
      const count = argument === "all" ? this.#taken.length : Number(argument);
      for (const buffer of this.#taken.splice(0, count)) buffers.give(buffer);
    }
  }

  #actOnCall(callIndex: number, { name, argument }: Action): void {
    if (name === "begin") {
      this.#begin();
      return;
    }
    const played = this.#played(callIndex);
    const { handle } = played;
    const number = Number(argument);
    switch (name) {
      case "accept":
        return this.#accept(handle, this.#calls.indexOf(played) + 1);
      case "reject":
        return this.#service?.reject(handle, number);
      case "read":
        return this.#read(handle, argument);
      case "discard":
        return handle.discardInput();
      case "write":
        return same("bytes taken", handle.write(new Uint8Array(number), 0, number), number);
      case "end":
        return handle.end();
      case "abort":
        return handle.abort(number);
      case "limit":
        return handle.limitTime(number);
      case "release":
        return handle.release(number);
      case "is":
        return same("state of the call", played.state, argument);
      case "ended":
        return same("end of the call", completionName(handle.completion), argument);
      case "code":
        return same("code of the call", handle.abortCode, number);
      default:
        return same("bytes received", handle.bytesReceived, number);
    }
  }

  #read(handle: CallHandle, argument: string): void {
    if (argument === "all") {
      const room = new Uint8Array(1 << 20);
      handle.readInto(room, 0, room.length);
      return;
    }
    const count = Number(argument);
    same("bytes read", handle.readInto(new Uint8Array(count), 0, count), count);
  }
}

function policyOf(text: string): RefusalPolicy {
  const [kind, code] = text.split(":");
  if (kind === "abort") return { kind, code: Number(code) };
  if (kind === "busy" || kind === "drop") return { kind };
  throw new Error(`policy=${text} is none of busy, drop, abort:CODE`);
}

function completionName(completion: Completion): string {
  return Object.entries(Completion).find(([, value]) => value === completion)?.[0] ?? String(completion);
}

function same(what: string, got: unknown, wanted: unknown): void {
  if (got !== wanted) throw new Error(`${what}: ${String(got)}, not ${String(wanted)}`);
}
