// Packets as a peer would send them, made by the wire floor's own writers, with every field open to be wrong.
import { ABORT_SIZE, writeAbortCode } from "../../../src/wire/abort.js";
import { AckBody, AckReason, ackSize, writeAck } from "../../../src/wire/ack.js";
import { HEADER_SIZE, PacketHeader, writeHeader } from "../../../src/wire/header.js";
import { JUMBO_DATA_SIZE, JUMBO_HEADER_SIZE, writeJumboHeader } from "../../../src/wire/jumbo.js";
import { PacketFlag, PacketType } from "../../../src/wire/packet-type.js";

export type HeaderFields = Partial<Pick<PacketHeader, keyof PacketHeader>>;

let nextSerial = 1;

/** A packet with this header and body; `serial` counts up by itself. */
export function packet(fields: HeaderFields, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const header = new PacketHeader();
  Object.assign(header, { serial: nextSerial++ }, fields);
  const bytes = new Uint8Array(HEADER_SIZE + body.length);
  writeHeader(bytes, 0, header);
  bytes.set(body, HEADER_SIZE);
  return bytes;
}

/** One side of a call as the other end sees it: fills in what all its packets share. */
export class Talker {
  readonly shared: HeaderFields;

  constructor(shared: HeaderFields) {
    this.shared = shared;
  }

  with(fields: HeaderFields): Talker {
    return new Talker({ ...this.shared, ...fields });
  }

  #packet(type: number, flags: number, fields: HeaderFields, body?: Uint8Array): Uint8Array {
    const direction = (this.shared.flags ?? 0) & PacketFlag.ClientInitiated;
    return packet({ ...this.shared, type, ...fields, flags: direction | flags }, body);
  }

  data(seq: number, payload: Uint8Array | number = 8, flags = 0, fields: HeaderFields = {}): Uint8Array {
    const body = typeof payload === "number" ? filled(payload, seq) : payload;
    return this.#packet(PacketType.Data, flags, { seq, ...fields }, body);
  }

  /** A jumbogram of full segments, the last with `lastBytes`. Flags are those of each segment. */
  jumbo(
    seq: number,
    segments: number,
    lastBytes = JUMBO_DATA_SIZE,
    lastFlags = 0,
    fields: HeaderFields = {},
  ): Uint8Array {
    const body = new Uint8Array((segments - 1) * (JUMBO_DATA_SIZE + JUMBO_HEADER_SIZE) + lastBytes);
    for (let i = 0; i < segments; i++) {
      const at = i * (JUMBO_DATA_SIZE + JUMBO_HEADER_SIZE);
      const isLast = i === segments - 1;
      if (i > 0)
        writeJumboHeader(body, at - JUMBO_HEADER_SIZE, isLast ? lastFlags : PacketFlag.JumboPacket, 0);
      body.set(filled(isLast ? lastBytes : JUMBO_DATA_SIZE, seq + i), at);
    }
    const flags = segments > 1 ? PacketFlag.JumboPacket : lastFlags;
    return this.#packet(PacketType.Data, flags, { seq, ...fields }, body);
  }

  ack(
    body: Partial<AckBody> & { readonly soft?: readonly number[] } = {},
    fields: HeaderFields = {},
  ): Uint8Array {
    return this.#packet(PacketType.Ack, PacketFlag.SlowStartOk | (fields.flags ?? 0), fields, ackBytes(body));
  }

  ping(serial?: number): Uint8Array {
    return this.#packet(
      PacketType.Ack,
      PacketFlag.SlowStartOk | PacketFlag.RequestAck,
      serial === undefined ? {} : { serial },
      ackBytes({ reason: AckReason.Ping }),
    );
  }

  abort(code: number, fields: HeaderFields = {}): Uint8Array {
    const body = new Uint8Array(ABORT_SIZE);
    writeAbortCode(body, 0, code);
    return this.#packet(PacketType.Abort, 0, fields, body);
  }

  of(type: number, body?: Uint8Array, fields: HeaderFields = {}): Uint8Array {
    return this.#packet(type, fields.flags ?? 0, fields, body);
  }
}

/** A service's client. */
export function clientTalker(fields: HeaderFields = {}): Talker {
  return new Talker({
    epoch: -0x1234567,
    cid: 0x1000,
    callNumber: 1,
    serviceId: 147,
    flags: PacketFlag.ClientInitiated,
    ...fields,
  });
}

function ackBytes(body: Partial<AckBody> & { readonly soft?: readonly number[] }): Uint8Array {
  const ack = new AckBody();
  const { soft, ...fields } = body;
  Object.assign(
    ack,
    { firstPacket: 1, reason: AckReason.Idle, maxMtu: 5_692, ifMtu: 1_444, rwind: 32, jumboMax: 4 },
    fields,
  );
  ack.nAcks = soft?.length ?? 0;
  const bytes = new Uint8Array(ackSize(ack.nAcks));
  writeAck(bytes, 0, ack, Uint8Array.from(soft ?? []));
  return bytes;
}

/** `length` bytes that tell which packet they came in. */
export function filled(length: number, seq: number): Uint8Array {
  return new Uint8Array(length).fill(seq & 0xff);
}
