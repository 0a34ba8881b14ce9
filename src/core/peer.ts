// A remote endpoint: its address, what is known of the path, and what it may be sent before it has proved its address.
import { Address } from "../util/address.js";
import { PACKET_BYTES_MAX } from "./config.js";
import { RttEstimator } from "./rtt.js";

/** Bytes a stranger may be sent for each byte it sent (RFC 9000 section 8.1 takes the same factor). */
const STRANGER_FACTOR = 3;
// OpenAFS grows its datagrams after as many (rx_nDgramThreshold).
const CLEAN_ACKS_TO_GROW = 4;
const CLEAN_ACKS_AFTER_LOSS = 256;
const CREDIT_MAX = 1 << 20;

// RTT is measured anew when the last sample is older than this.
const RTT_FRESH_US = 1_000_000;
const RTT_SAMPLES_WANTED = 3;

export class Peer {
  readonly index: number;
  generation = 0;
  readonly address = new Address();
  /** Hash under which the peer stands in the table. */
  hash = 0;
  /** Connections that use this peer. */
  connections = 0;
  /** Service calls alive. */
  activeCalls = 0;
  /** Echoed an unpredictable serial, gave a valid RESPONSE, or is in a trusted range. */
  isProven = false;
  isTrusted = false;
  /** Bytes that may still be sent while unproven. */
  credit = 0;
  readonly rtt = new RttEstimator();
  /** Largest datagram this peer takes unfragmented, in bytes of UDP payload. */
  packetBytes = PACKET_BYTES_MAX;
  /** Most segments of a jumbogram this peer takes; 1 until it says otherwise. */
  jumboMax = 1;
  /** Segments we put into one datagram now: grows while nothing is lost, falls to 1 when large ones may be the cause. */
  segments = 1;
  /** ACKs without a loss since the last change of `segments`; negative while growing is put off. */
  cleanAcks = 0;
  /** [last RTT sample or ping, became unused, bytes in, bytes out, packets sent, packets resent] */
  readonly cells = new Float64Array(6);

  constructor(index: number) {
    this.index = index;
  }

  reset(): void {
    this.address.reset();
    this.hash = 0;
    this.connections = 0;
    this.activeCalls = 0;
    this.isProven = false;
    this.isTrusted = false;
    this.credit = 0;
    this.rtt.reset();
    this.packetBytes = PACKET_BYTES_MAX;
    this.jumboMax = 1;
    this.segments = 1;
    this.cleanAcks = 0;
    this.cells.fill(0);
  }

  /** Whether a round trip should be measured: fewer than three samples, or none for a second. */
  wantsRtt(now: Float64Array): boolean {
    return (
      this.rtt.samples < RTT_SAMPLES_WANTED ||
      (now[0] as number) - (this.cells[PeerCell.RttAt] as number) > RTT_FRESH_US
    );
  }

  /** The peer takes so many segments from here. */
  takeJumboMax(jumboMax: number): void {
    this.jumboMax = jumboMax;
    if (this.segments > jumboMax) this.segments = jumboMax > 1 ? jumboMax : 1;
  }

  /** An ACK brought news and no loss: after a few of them a datagram may hold one segment more. */
  noteCleanAck(): void {
    if (this.segments < this.jumboMax && ++this.cleanAcks > CLEAN_ACKS_TO_GROW) {
      this.segments++;
      this.cleanAcks = 0;
    }
  }

  /** Packets were lost: a path may carry small datagrams and drop large ones without a word. */
  noteLoss(): void {
    if (this.segments > 1) this.cleanAcks = -CLEAN_ACKS_AFTER_LOSS;
    this.segments = 1;
  }

  noteReceived(bytes: number): void {
    this.cells[PeerCell.BytesIn] = (this.cells[PeerCell.BytesIn] as number) + bytes;
    if (!this.isProven) this.credit = Math.min(this.credit + STRANGER_FACTOR * bytes, CREDIT_MAX);
  }

  /** Whether `bytes` may go out now; a proven peer has no budget. */
  allows(bytes: number): boolean {
    return this.isProven || this.credit >= bytes;
  }

  noteSent(bytes: number): void {
    this.cells[PeerCell.BytesOut] = (this.cells[PeerCell.BytesOut] as number) + bytes;
    this.cells[PeerCell.PacketsSent] = (this.cells[PeerCell.PacketsSent] as number) + 1;
    if (!this.isProven) this.credit -= bytes;
  }
}

export const PeerCell = {
  RttAt: 0,
  UnusedAt: 1,
  BytesIn: 2,
  BytesOut: 3,
  PacketsSent: 4,
  PacketsResent: 5,
} as const;
