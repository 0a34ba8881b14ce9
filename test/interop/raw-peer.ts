// A peer without a protocol: packets made by hand, for what no honest implementation sends on purpose.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { AckBody, type AckReason, ackSize, readAck, writeAck } from "../../src/wire/ack.js";
import { HEADER_SIZE, PacketHeader, readHeader, writeHeader } from "../../src/wire/header.js";
import { PacketFlag, PacketType } from "../../src/wire/packet-type.js";

let nextConnectionId = 0x1000;

/** One client connection's worth of packets to one service. */
export class RawPeer implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #header = new PacketHeader();
  readonly #heard: { readonly type: number; readonly reason: number }[] = [];

  private constructor(socket: Socket, serviceId: number) {
    this.#socket = socket;
    this.#header.epoch = 0x9abc_0000 | 0;
    // Connections are known by epoch and id, from whatever port: each peer needs its own.
    this.#header.cid = nextConnectionId;
    nextConnectionId += 4;
    this.#header.serviceId = serviceId;
    socket.on("message", (message) => this.#note(message));
  }

  static async connect(port: number, serviceId: number): Promise<RawPeer> {
    const socket = createSocket("udp4");
    socket.connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new RawPeer(socket, serviceId);
  }

  /** Packets of a type that have come; of ACKs those for one reason. */
  heard(type: PacketType, reason: AckReason | 0 = 0): number {
    return this.#heard.filter((one) => one.type === type && one.reason === reason).length;
  }

  /** DATA of call `callNumber` on channel 0. */
  data(callNumber: number, seq: number, flags = 0, bytes: Uint8Array = new Uint8Array(64)): void {
    this.#send(PacketType.Data, callNumber, seq, flags, bytes);
  }

  /** An ACK of nothing, for its reason alone. */
  ack(callNumber: number, reason: AckReason): void {
    const body = new AckBody();
    body.firstPacket = 1;
    body.reason = reason;
    body.rwind = 32;
    const bytes = new Uint8Array(ackSize(0));
    writeAck(bytes, 0, body, new Uint8Array(0));
    this.#send(PacketType.Ack, callNumber, 0, 0, bytes);
  }

  /** A packet for no call and no connection: VERSION, DEBUG. */
  ask(type: PacketType, bytes: Uint8Array): void {
    this.#send(type, 0, 0, 0, bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }

  #note(message: Uint8Array): void {
    const header = new PacketHeader();
    readHeader(message, 0, header);
    const ack = new AckBody();
    if (header.type === PacketType.Ack) readAck(message, HEADER_SIZE, message.length, ack);
    this.#heard.push({ type: header.type, reason: ack.reason });
  }

  #send(type: PacketType, callNumber: number, seq: number, flags: number, body: Uint8Array): void {
    const header = this.#header;
    header.type = type;
    header.callNumber = callNumber;
    header.seq = seq;
    header.serial++;
    header.flags = PacketFlag.ClientInitiated | flags;
    const packet = new Uint8Array(HEADER_SIZE + body.length);
    writeHeader(packet, 0, header);
    packet.set(body, HEADER_SIZE);
    this.#socket.send(packet);
  }
}
