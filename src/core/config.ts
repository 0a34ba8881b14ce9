// Every limit and tunable of an endpoint: unit, default, reason. Wrong values are refused here, before anything is made.

import { buffersKept } from "../memory/buffer-pool.js";
import { AddressRange } from "../util/address.js";
import { RxOptionError } from "../util/errors.js";
import { integerOption, knownOptions } from "../util/options.js";

/** The largest backlog: as many datagrams as one turn of the loop reads, so that one turn can be accepted whole. */
export const BACKLOG_MAX = 32;
/** The largest packet we send or invite: 1 500 less an IPv6 header, UDP and a fragment header (rx-wire.md section 13). */
export const PACKET_BYTES_MAX = 1_444;

/** What our ACKs invite: jumbograms of up to four segments (rx-wire.md section 8.1). */
export const ADVERTISED_MTU = 5_692;
export const ADVERTISED_JUMBO = 4;

const SECOND_US = 1_000_000;
const BUFFERS_LIMIT = 1_048_576;
// One array, so no more than Node can make on any of its versions.
const SLAB_BYTES_MAX = 2 ** 32;

/** What a user may set. Every field has a default; times are in milliseconds. */
export interface EndpointOptions {
  /** Calls alive or charged at once, both roles. Default 1 024. */
  readonly callsMax?: number;
  /** Connections kept, both roles, spare ones included. Default 4 096. */
  readonly connectionsMax?: number;
  /** Remote addresses kept, spare ones included. Default 4 096. */
  readonly peersMax?: number;
  /** Service connections whose peer has not proved its address. Default 1 024. Their calls take a quarter of `callsMax` at most. */
  readonly strangersMax?: number;
  /** The same, from one host. Default 64. */
  readonly strangersPerHostMax?: number;
  /** Connections remembered after reaping, so that an old call is not run again. Default 16 384. */
  readonly tombstonesMax?: number;
  /** Service calls one address may have alive; more are answered BUSY. Default half of `callsMax`. */
  readonly callsPerPeerMax?: number;
  /**
   * Packet buffers in all: the hard limit of what is received and not read, and written and not acknowledged. Default 4 096;
   * at least a jumbogram of a request, a packet of its reply and the reserve, 8 in all; at most 4 GiB of them.
   */
  readonly buffersMax?: number;
  /** Size of a packet buffer in bytes, 1 500 or more. Default 1 500. */
  readonly bufferBytes?: number;
  /**
   * Packets a call takes in ahead of its reader, 1 to 255. Default 32, the most that OpenAFS uses, or an eighth of
   * `buffersMax`, at least 4.
   */
  readonly receiveWindowPackets?: number;
  /**
   * Packets a writer may queue ahead of the hard ACK, 2 to 256. Default 64, two windows of 32, or a quarter of
   * `buffersMax`, at least 2.
   */
  readonly transmitQueuePackets?: number;
  /** Silence after which a call is dead. Default 20 000 (rx-behaviour.md section 9: 12 to 20 s). */
  readonly deadTimeMs?: number;
  /** A live call that has sent nothing for so long sends a PING. Default 2 000, as OpenAFS. */
  readonly keepaliveMs?: number;
  /** A request that makes no progress is ended after so long. Default 30 000. */
  readonly requestProgressMs?: number;
  /** A reply or request that the peer does not take is ended after so long. Default 60 000. */
  readonly sendProgressMs?: number;
  /** A service connection without calls is forgotten after so long. Default 600 000. */
  readonly idleConnectionMs?: number;
  /** The same where the peer has not proved its address. Default 10 000. */
  readonly strangerConnectionMs?: number;
  /** A client connection without calls is closed after so long. Default 120 000. */
  readonly idleClientConnectionMs?: number;
  /** How long a reaped connection's call numbers are remembered. Default 120 000. */
  readonly tombstoneMs?: number;
  /** Longest delay of an ACK that nothing asks for. Default 100, as OpenAFS. */
  readonly ackDelayMs?: number;
  /** How long the final ACK of a client call waits for the next call to make it needless. Default 5; Linux waits two clock ticks. */
  readonly finalAckDelayMs?: number;
  /** Connections to one service that a client opens for parallel calls, four calls on each. Default 64. */
  readonly clientConnectionsMax?: number;
  /** Client calls of one bundle that may wait for a channel. Default 1 024. */
  readonly waitingCallsMax?: number;
  /** Address ranges that need no proof and may ask for DEBUG. Default loopback. */
  readonly trusted?: readonly string[];
  /** Refusals (BUSY, ABORT) a second to the strangers of one /24 or /64. Default 20. */
  readonly refusalsPerSecond?: number;
  /** Text that VERSION is answered with, at most 58 bytes of ASCII. */
  readonly versionText?: string;
}

// The rest of the calls is left to those who have proved their address.
const STRANGER_CALLS_PART = 4;

const OPTION_NAMES = [
  "callsMax", "connectionsMax", "peersMax", "strangersMax", "strangersPerHostMax", "tombstonesMax", "callsPerPeerMax",
  "buffersMax", "bufferBytes", "receiveWindowPackets", "transmitQueuePackets", "deadTimeMs", "keepaliveMs",
  "requestProgressMs", "sendProgressMs", "idleConnectionMs", "strangerConnectionMs", "idleClientConnectionMs",
  "tombstoneMs", "ackDelayMs", "finalAckDelayMs", "clientConnectionsMax", "waitingCallsMax", "trusted",
  "refusalsPerSecond", "versionText",
] as const satisfies readonly (keyof EndpointOptions)[]; // biome-ignore format: a list of names

/** The names of EndpointOptions, for whoever takes them among options of its own. */
export const ENDPOINT_OPTION_NAMES: readonly string[] = OPTION_NAMES;

const TIME_MAX_MS = 24 * 3_600_000;

/** The checked settings of an endpoint; times in microseconds. */
export class EndpointConfig {
  readonly callsMax: number;
  readonly connectionsMax: number;
  readonly peersMax: number;
  readonly strangersMax: number;
  readonly strangersPerHostMax: number;
  readonly tombstonesMax: number;
  readonly callsPerPeerMax: number;
  /** Service calls alive of peers that have not proved their address. */
  readonly strangerCallsMax: number;
  readonly buffersMax: number;
  readonly bufferBytes: number;
  readonly receiveWindowPackets: number;
  readonly transmitQueuePackets: number;
  readonly deadTimeUs: number;
  readonly keepaliveUs: number;
  readonly requestProgressUs: number;
  readonly sendProgressUs: number;
  readonly idleConnectionUs: number;
  readonly strangerConnectionUs: number;
  readonly idleClientConnectionUs: number;
  readonly tombstoneUs: number;
  readonly ackDelayUs: number;
  readonly finalAckDelayUs: number;
  readonly clientConnectionsMax: number;
  readonly waitingCallsMax: number;
  readonly trusted: readonly AddressRange[];
  readonly refusalsPerSecond: number;
  readonly versionText: Uint8Array;

  /** @throws RxOptionError naming the option that is wrong. */
  constructor(options: EndpointOptions = {}) {
    knownOptions("options", options, OPTION_NAMES);
    this.callsMax = integerOption("callsMax", options.callsMax, 1_024, 1, 65_536);
    this.connectionsMax = integerOption("connectionsMax", options.connectionsMax, 4_096, 1, 1_048_576);
    this.peersMax = integerOption("peersMax", options.peersMax, 4_096, 1, 1_048_576);
    this.strangersMax = integerOption("strangersMax", options.strangersMax, 1_024, 1, 1_048_576);
    this.strangersPerHostMax = integerOption(
      "strangersPerHostMax",
      options.strangersPerHostMax,
      64,
      1,
      1_048_576,
    );
    this.tombstonesMax = integerOption("tombstonesMax", options.tombstonesMax, 16_384, 1, 1_048_576);
    const half = Math.max(1, this.callsMax >> 1);
    this.callsPerPeerMax = integerOption("callsPerPeerMax", options.callsPerPeerMax, half, 1, 65_536);
    this.strangerCallsMax = Math.max(1, Math.trunc(this.callsMax / STRANGER_CALLS_PART));
    this.buffersMax = integerOption("buffersMax", options.buffersMax, 4_096, 1, BUFFERS_LIMIT);
    this.bufferBytes = integerOption("bufferBytes", options.bufferBytes, 1_500, 1_500, 65_536);
    this.receiveWindowPackets = integerOption(
      "receiveWindowPackets",
      options.receiveWindowPackets,
      share(this.buffersMax, 8, ADVERTISED_JUMBO, 32),
      1,
      255,
    );
    this.transmitQueuePackets = integerOption(
      "transmitQueuePackets",
      options.transmitQueuePackets,
      share(this.buffersMax, 4, 2, 64),
      2,
      256,
    );
    checkBuffers(this.buffersMax, this.receiveWindowPackets);
    checkSlab(this.buffersMax, this.bufferBytes);
    this.deadTimeUs = timeOption("deadTimeMs", options.deadTimeMs, 20_000);
    this.keepaliveUs = timeOption("keepaliveMs", options.keepaliveMs, 2_000);
    this.requestProgressUs = timeOption("requestProgressMs", options.requestProgressMs, 30_000);
    this.sendProgressUs = timeOption("sendProgressMs", options.sendProgressMs, 60_000);
    this.idleConnectionUs = timeOption("idleConnectionMs", options.idleConnectionMs, 600_000);
    this.strangerConnectionUs = timeOption("strangerConnectionMs", options.strangerConnectionMs, 10_000);
    this.idleClientConnectionUs = timeOption(
      "idleClientConnectionMs",
      options.idleClientConnectionMs,
      120_000,
    );
    this.tombstoneUs = timeOption("tombstoneMs", options.tombstoneMs, 120_000);
    this.ackDelayUs = timeOption("ackDelayMs", options.ackDelayMs, 100);
    this.finalAckDelayUs = timeOption("finalAckDelayMs", options.finalAckDelayMs, 5);
    this.clientConnectionsMax = integerOption(
      "clientConnectionsMax",
      options.clientConnectionsMax,
      64,
      1,
      16_384,
    );
    this.waitingCallsMax = integerOption("waitingCallsMax", options.waitingCallsMax, 1_024, 1, 65_536);
    this.trusted = trustedOption(options.trusted ?? ["127.0.0.0/8", "::1"]);
    this.refusalsPerSecond = integerOption("refusalsPerSecond", options.refusalsPerSecond, 20, 0, 1_000_000);
    this.versionText = versionOption(options.versionText ?? "rxrpc 0.1.0");
    if (this.keepaliveUs * 3 > this.deadTimeUs) {
      throw new RxOptionError(
        "keepaliveMs",
        `at most a third of deadTimeMs (${this.deadTimeUs / 1_000})`,
        this.keepaliveUs / 1_000,
      );
    }
  }
}

// A call takes no more than a part of the buffers, so that a few that stand still leave some to the others.
function share(buffersMax: number, parts: number, least: number, most: number): number {
  return Math.min(Math.max(Math.trunc(buffersMax / parts), least), most);
}

/** @throws RxOptionError when one call each way could not get through */
function checkBuffers(buffersMax: number, receiveWindowPackets: number): void {
  // What the window never goes below (receive-window.ts), one packet of a reply, and what is kept back.
  const request = Math.min(ADVERTISED_JUMBO, receiveWindowPackets);
  const reserve = buffersKept(buffersMax);
  const least = request + 1 + reserve;
  if (buffersMax >= least) return;
  throw new RxOptionError(
    "buffersMax",
    `an integer from ${least} to ${BUFFERS_LIMIT} (${request} for a request + 1 for its reply + ${reserve} in reserve)`,
    buffersMax,
  );
}

/** @throws RxOptionError when the buffers together are more than one array can hold */
function checkSlab(buffersMax: number, bufferBytes: number): void {
  const most = Math.trunc(SLAB_BYTES_MAX / bufferBytes) - 64;
  if (buffersMax <= most) return;
  throw new RxOptionError(
    "buffersMax",
    `at most ${most} buffers of ${bufferBytes} bytes (4 GiB in all)`,
    buffersMax,
  );
}

function timeOption(name: string, valueMs: number | undefined, fallbackMs: number): number {
  return (integerOption(name, valueMs, fallbackMs, 1, TIME_MAX_MS) * SECOND_US) / 1_000;
}

function trustedOption(texts: readonly string[]): readonly AddressRange[] {
  if (!Array.isArray(texts)) throw new RxOptionError("trusted", "an array of address ranges", texts);
  return texts.map((text: unknown) => {
    const range = typeof text === "string" ? AddressRange.parse(text) : undefined;
    if (range === undefined) throw new RxOptionError("trusted", "an address range such as 10.0.0.0/8", text);
    return range;
  });
}

// A VERSION reply to a stranger may be 59 bytes long, the ending NUL included: three times the question.
const VERSION_TEXT_MAX = 58;

function versionOption(text: string): Uint8Array {
  if (typeof text !== "string" || text.length > VERSION_TEXT_MAX || !/^[\x20-\x7e]*$/.test(text)) {
    throw new RxOptionError("versionText", `at most ${VERSION_TEXT_MAX} printable ASCII characters`, text);
  }
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
