// Answers to DEBUG questions as lines for people and as plain values for JSON. Nothing but numbers and our own words gets out.
import { Address } from "../util/address.js";
import { abortCodeName } from "../wire/abort.js";
import {
  DebugCallFlag,
  DebugCallMode,
  DebugCallOther,
  DebugCallState,
  type DebugConn,
  DebugConnFlag,
  DebugConnType,
  type DebugPeer,
  DebugSecurityType,
  type DebugStats,
  RX_STATISTIC_NAMES,
  RxStatistic,
} from "../wire/debug.js";
import { formatTable } from "./text.js";

const CHANNELS = 4;
const RTT_UNITS_PER_MS = 8;
const RTT_DEVIATION_UNITS_PER_MS = 4;
const SECURITY_NAMES: Readonly<Record<number, string>> = { 0: "null", 2: "rxkad", 4: "rxgk", 6: "yfs-rxgk" };
const PRINTABLE_FIRST = 0x21;
const PRINTABLE_LAST = 0x7e;

export function statsFacts(stats: DebugStats): object {
  return {
    debugVersion: letter(stats.version),
    packets: stats.packets,
    freePackets: stats.freePackets,
    packetReclaims: stats.packetReclaims,
    callsExecuted: stats.callsExecuted,
    callsWaiting: stats.waiting,
    callsWaited: stats.waited,
    idleThreads: stats.idleThreads,
    isWaitingForPackets: stats.waitingForPackets !== 0,
  };
}

export function statsLines(stats: DebugStats): string[] {
  const starved = stats.waitingForPackets === 0 ? "" : "; calls wait for packet buffers";
  return [
    `debug version ${letter(stats.version)}`,
    `packet buffers: ${stats.freePackets} of ${stats.packets} free, ${stats.packetReclaims} reclaimed${starved}`,
    `calls: ${stats.callsExecuted} executed, ${stats.waiting} waiting, ${stats.waited} have waited; ${stats.idleThreads} idle threads`,
  ];
}

export function statisticsFacts(values: Int32Array): object {
  return Object.fromEntries(RX_STATISTIC_NAMES.map((name, i) => [name, values[i]]));
}

/** The counters that are not 0; a smallest round trip that has not been measured counts as 0. */
export function statisticsLines(values: Int32Array): string[] {
  const rows: string[][] = [];
  RX_STATISTIC_NAMES.forEach((name, i) => {
    const value = values[i] as number;
    const isUnmeasured = i === RxStatistic.MinRttSec && values[RxStatistic.RttSamples] === 0;
    if (value !== 0 && !isUnmeasured) rows.push([`  ${name}`, String(value)]);
  });
  return formatTable(rows);
}

export function connectionFacts(conn: DebugConn): object {
  return {
    peer: hostText(conn.host, conn.port),
    epoch: hex(conn.epoch),
    cid: hex(conn.cid),
    isService: conn.type === DebugConnType.Server,
    securityIndex: conn.securityIndex,
    security: securityName(conn),
    serial: conn.serial >>> 0,
    error: conn.error,
    natMtu: conn.natMtu,
    flags: flagNames(DebugConnFlag, conn.flags),
    channels: channels().map((channel) => ({
      callNumber: (conn.callNumber[channel] as number) >>> 0,
      state: nameOf(DebugCallState, conn.callState[channel] as number),
      mode: nameOf(DebugCallMode, conn.callMode[channel] as number),
      flags: flagNames(DebugCallFlag, conn.callFlags[channel] as number),
      queues: flagNames(DebugCallOther, conn.callOther[channel] as number),
    })),
  };
}

export function connectionLines(conn: DebugConn): string[] {
  const role = conn.type === DebugConnType.Server ? "server" : "client";
  const error = conn.error === 0 ? "" : `, error ${conn.error} ${abortCodeName(conn.error)}`;
  const head =
    `  ${hostText(conn.host, conn.port)} ${role}, cid ${hex(conn.cid)}, epoch ${hex(conn.epoch)}, ` +
    `serial ${conn.serial >>> 0}, security ${conn.securityIndex} (${securityName(conn)})${error}` +
    bracketed(flagNames(DebugConnFlag, conn.flags));
  return [head, ...channels().flatMap((channel) => channelLine(conn, channel))];
}

function channelLine(conn: DebugConn, channel: number): string[] {
  const state = conn.callState[channel] as number;
  if (state === DebugCallState.NotInit) return [];
  const mode = conn.callMode[channel] as number;
  const modeText = mode === DebugCallMode.None ? "" : `, ${nameOf(DebugCallMode, mode)}`;
  const flags = [
    ...flagNames(DebugCallFlag, conn.callFlags[channel] as number),
    ...flagNames(DebugCallOther, conn.callOther[channel] as number),
  ];
  const call = (conn.callNumber[channel] as number) >>> 0;
  return [
    `    channel ${channel}: call ${call} ${nameOf(DebugCallState, state)}${modeText}${bracketed(flags)}`,
  ];
}

export function peerFacts(peer: DebugPeer): object {
  return {
    peer: hostText(peer.host, peer.port),
    rttMs: peer.rtt / RTT_UNITS_PER_MS,
    rttDeviationMs: peer.rttDev / RTT_DEVIATION_UNITS_PER_MS,
    sent: peer.sent,
    resent: peer.resent,
    bytesSent: peer.bytesSent,
    bytesReceived: peer.bytesReceived,
    refCount: peer.refCount,
    ifMtu: peer.ifMtu,
    natMtu: peer.natMtu,
    maxMtu: peer.maxMtu,
    mtu: peer.mtu,
    cwind: peer.cwind,
    dgramPackets: peer.dgramPackets,
    maxDgramPackets: peer.maxDgramPackets,
  };
}

export function peerLines(peer: DebugPeer): string[] {
  const rtt = (peer.rtt / RTT_UNITS_PER_MS).toFixed(3);
  const deviation = (peer.rttDev / RTT_DEVIATION_UNITS_PER_MS).toFixed(3);
  return [
    `  ${hostText(peer.host, peer.port)} rtt ${rtt} ms (+- ${deviation}), ${peer.sent} packets sent, ${peer.resent} resent, ` +
      `${peer.bytesSent} bytes sent, ${peer.bytesReceived} received, MTU ${peer.mtu}, window ${peer.cwind}`,
  ];
}

function channels(): number[] {
  return Array.from({ length: CHANNELS }, (_, channel) => channel);
}

function hostText(host: number, port: number): string {
  const address = new Address();
  address.w3 = host;
  address.port = port;
  return address.toString();
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

function letter(version: number): string {
  return version >= PRINTABLE_FIRST && version <= PRINTABLE_LAST
    ? String.fromCharCode(version)
    : String(version);
}

// Classes that tell nothing of themselves, as null does, are known by their number.
function securityName(conn: DebugConn): string {
  const { type } = conn.security;
  const isTold = type !== DebugSecurityType.Unknown;
  return isTold ? nameOf(DebugSecurityType, type) : (SECURITY_NAMES[conn.securityIndex] ?? "unknown");
}

/** `Receiving` as `receiving`; a value without a name as its number. */
function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  const name = Object.keys(names).find((key) => names[key] === value);
  return name === undefined ? String(value) : words(name);
}

function flagNames(names: Readonly<Record<string, number>>, value: number): string[] {
  return Object.entries(names)
    .filter(([, bit]) => (value & bit) !== 0)
    .map(([name]) => words(name));
}

function words(name: string): string {
  return name.replace(/(?<=[a-z])[A-Z]/g, (capital) => `-${capital}`).toLowerCase();
}

function bracketed(texts: readonly string[]): string {
  return texts.length === 0 ? "" : ` [${texts.join(" ")}]`;
}
