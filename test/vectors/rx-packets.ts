// Whole Rx datagrams as hex, byte by byte what peers put on the wire. The field layout is that of OpenAFS `src/rx/rx_packet.h`
// and Linux `net/rxrpc/protocol.h`; the values are worked examples of the protocol description that this project is built on.

export interface PacketVector {
  readonly name: string;
  /** Where the bytes are from. */
  readonly source: string;
  readonly hex: string;
  /** What `describePacket` says about it. */
  readonly line: string;
}

export const PACKET_VECTORS = {
  rxperfRequest: {
    name: "DATA, rxperf RECV request of 30 bytes, first and last packet",
    source: "rx-wire description, section 14, example 1; request layout of OpenAFS src/rx/test/rxperf.c",
    hex: `b9a1c2d3 5e8f1a2c 00000001 00000001 00000001 01050000 00000093
          00000003 00000001 00080000 00080000 0000001e`,
    line: "DATA c>s epoch=b9a1c2d3 cid=5e8f1a2c ch=0 call=1 seq=1 serial=1 service=147 flags=LastPacket len=20",
  },
  serverIdleAck: {
    name: "ACK from a server, Idle, packet 1 hard-acknowledged, OpenAFS trailer",
    source: "rx-wire description, section 14, example 2; trailer values of OpenAFS src/rx/rx.c (rxi_SendAck)",
    hex: `b9a1c2d3 5e8f1a2c 00000001 00000000 00000002 02200000 00000093
          00000000 00000002 00000001 00000001 0900 000000
          0000163c 000005a4 00000020 00000004`,
    line:
      "ACK s>c epoch=b9a1c2d3 cid=5e8f1a2c ch=0 call=1 serial=2 service=147 flags=SlowStartOk " +
      "Idle first=2 previous=1 of=1 maxMtu=5692 ifMtu=1444 rwind=32 jumboMax=4",
  },
  clientGapAck: {
    name: "ACK from a client, OutOfSequence, packet 5 missing, 6 to 8 received, Linux trailer",
    source: "rx-wire description, section 14, example 3; trailer values of Linux net/rxrpc/output.c",
    hex: `b9a1c2d3 5e8f1a2d 00000007 00000000 0000001f 02210000 00000093
          00000000 00000005 00000008 0000002a 0304 00010101 000000
          0000fe88 000005a4 000000ff 00000000`,
    line:
      "ACK c>s epoch=b9a1c2d3 cid=5e8f1a2c ch=1 call=7 serial=31 service=147 flags=SlowStartOk " +
      "OutOfSequence first=5 previous=8 of=42 acks=-+++ maxMtu=65160 ifMtu=1444 rwind=255 jumboMax=0",
  },
  unknownOperationAbort: {
    name: "ABORT of a call by the server, RXGEN_OPCODE",
    source: "rx-wire description, section 14, example 4; code of OpenAFS src/rx/rx_user.h",
    hex: "b9a1c2d3 5e8f1a2c 00000001 00000000 00000003 04000000 00000093 fffffe39",
    line: "ABORT s>c epoch=b9a1c2d3 cid=5e8f1a2c ch=0 call=1 serial=3 service=147 code=-455 RXGEN_OPCODE",
  },
  versionRequest: {
    name: "VERSION request of rxdebug",
    source: "rx-wire description, section 14, example 5; OpenAFS src/rx/rx.c (MakeDebugCall)",
    hex: "000003e7 00000000 00000065 00000000 00000000 0d050000 00000000 00",
    line: "VERSION c>s epoch=000003e7 cid=00000000 ch=0 call=101 serial=0 service=0 flags=LastPacket request",
  },
  debugStatsRequest: {
    name: "DEBUG request GetStats of rxdebug",
    source: "rx-wire description, section 14, example 6; OpenAFS src/rx/rx.c (MakeDebugCall)",
    hex: "000003e7 00000000 00000065 00000000 00000000 08050000 00000000 00000001 00000000",
    line: "DEBUG c>s epoch=000003e7 cid=00000000 ch=0 call=101 serial=0 service=0 flags=LastPacket request=GetStats index=0",
  },
} as const satisfies Record<string, PacketVector>;

/** @returns the bytes of a vector's hex, whose white space is for the reader. */
export function vectorBytes(hex: string): Uint8Array {
  const digits = hex.replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new Error("a vector's hex is lower-case pairs of digits");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
