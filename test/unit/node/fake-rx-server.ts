// A UDP server that answers VERSION and DEBUG questions with whatever a test wants.
import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { HEADER_SIZE, PacketHeader, readHeader, writeHeader } from "../../../src/wire/header.js";
import { PacketFlag } from "../../../src/wire/packet-type.js";

/** One datagram that has come. */
export interface Asked {
  readonly header: PacketHeader;
  readonly body: Uint8Array;
  /** How many have come before it. */
  readonly index: number;
}

/** The datagrams to send back, as answer() and the like make them. */
export type Answers = (asked: Asked) => readonly Uint8Array[];

export interface FakeRxServer {
  readonly port: number;
  readonly asked: readonly Asked[];
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startFakeRxServer(answers: Answers): Promise<FakeRxServer> {
  const socket = createSocket("udp4");
  const asked: Asked[] = [];
  socket.on("message", (message: Buffer, from: RemoteInfo) => {
    const header = new PacketHeader();
    readHeader(message, 0, header);
    const one = { header, body: Uint8Array.from(message.subarray(HEADER_SIZE)), index: asked.length };
    asked.push(one);
    for (const bytes of answers(one)) socket.send(bytes, from.port, from.address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const close = async (): Promise<void> => {
    const closed = once(socket, "close");
    socket.close();
    await closed;
  };
  return { port: socket.address().port, asked, close, [Symbol.asyncDispose]: close };
}

/** An answer as it should be, but for what `changes` says of its header. */
export function answer({ header }: Asked, body: Uint8Array, changes: Partial<PacketHeader> = {}): Uint8Array {
  const own = Object.assign(new PacketHeader(), header, { flags: PacketFlag.LastPacket }, changes);
  const bytes = new Uint8Array(HEADER_SIZE + body.length);
  writeHeader(bytes, 0, own);
  bytes.set(body, HEADER_SIZE);
  return bytes;
}
