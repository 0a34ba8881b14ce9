// Which state each packet can find, and what is answered: the same table as in src/README.md, and what the test compares with.
// `-` is: taken in, and nothing to say. "drop X" is the counter that grows.

const TEXT = `
**service, call number: any**

| packet | no connection | idle channel |
|---|---|---|
| DATA 1 | ACK Ping, new call | ACK Ping, new call |
| DATA 2 | drop BadSeq | drop BadSeq |
| LAST 2 | drop BadSeq | drop BadSeq |
| ACK | drop UnknownConnection | drop UnknownCall |
| PING | drop UnknownConnection | drop UnknownCall |
| ACKALL | drop UnknownConnection | drop UnknownCall |
| BUSY | drop Direction | drop Direction |
| ABORT | drop UnknownConnection | drop UnknownCall |
| CHALLENGE | drop Direction | drop Direction |
| RESPONSE | drop UnknownConnection | drop UnknownCall |
| type 9 | drop Type | drop Type |

**service, call number: this**

| packet | RecvRequest | AckRequest | SendReply | AwaitAck | Succeeded | Aborted | AbortedByPeer |
|---|---|---|---|---|---|---|---|
| DATA 1 | ACK Duplicate | ACK Duplicate | ACK Duplicate | ACK Duplicate | drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| DATA 2 | delayed ACK | ABORT -5, ends: aborted, drop BadSeq | ABORT -5, ends: aborted, drop BadSeq | ABORT -5, ends: aborted, drop BadSeq | drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| LAST 2 | ACK Idle, -> ServerAckRequest | ABORT -5, ends: aborted, drop BadSeq | ABORT -5, ends: aborted, drop BadSeq | ABORT -5, ends: aborted, drop BadSeq | drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| ACK | - | - | more DATA | succeeds | drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| PING | ACK PingResponse | ACK PingResponse | ACK PingResponse | ACK PingResponse | drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| ACKALL | - | - | more DATA | succeeds | drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| BUSY | drop Direction | drop Direction | drop Direction | drop Direction | drop Direction | drop Direction | drop Direction |
| ABORT | ends: aborted by the peer | ends: aborted by the peer | ends: aborted by the peer | ends: aborted by the peer | drop Finished | drop Finished | drop Finished |
| CHALLENGE | drop Direction | drop Direction | drop Direction | drop Direction | drop Direction | drop Direction | drop Direction |
| RESPONSE | drop Type | drop Type | drop Type | drop Type | drop Finished | drop Finished | drop Finished |
| type 9 | drop Type | drop Type | drop Type | drop Type | drop Type | drop Type | drop Type |

**service, call number: old**

| packet | RecvRequest, AckRequest, SendReply, AwaitAck, Succeeded, Aborted, AbortedByPeer |
|---|---|
| DATA 1 | drop OldCall |
| DATA 2 | drop OldCall |
| LAST 2 | drop OldCall |
| ACK | drop OldCall |
| PING | drop OldCall |
| ACKALL | drop OldCall |
| BUSY | drop Direction |
| ABORT | drop OldCall |
| CHALLENGE | drop Direction |
| RESPONSE | drop OldCall |
| type 9 | drop Type |

**service, call number: next**

| packet | RecvRequest, AckRequest, SendReply | AwaitAck | Succeeded, Aborted, AbortedByPeer |
|---|---|---|---|
| DATA 1 | ACK Ping, ends: aborted, new call | ACK Ping, succeeds, new call | ACK Ping, new call |
| DATA 2 | drop BadSeq | drop BadSeq | drop BadSeq |
| LAST 2 | drop BadSeq | drop BadSeq | drop BadSeq |
| ACK | drop UnknownCall | drop UnknownCall | drop UnknownCall |
| PING | drop UnknownCall | drop UnknownCall | drop UnknownCall |
| ACKALL | drop UnknownCall | drop UnknownCall | drop UnknownCall |
| BUSY | drop Direction | drop Direction | drop Direction |
| ABORT | drop UnknownCall | drop UnknownCall | drop UnknownCall |
| CHALLENGE | drop Direction | drop Direction | drop Direction |
| RESPONSE | drop UnknownCall | drop UnknownCall | drop UnknownCall |
| type 9 | drop Type | drop Type | drop Type |

**service, call number: zero**

| packet | RecvRequest, AckRequest, SendReply, AwaitAck | Succeeded, Aborted, AbortedByPeer |
|---|---|---|
| DATA 1 | drop Type | drop Type |
| DATA 2 | drop Type | drop Type |
| LAST 2 | drop Type | drop Type |
| ACK | drop Type | drop Type |
| PING | drop Type | drop Type |
| ACKALL | drop Type | drop Type |
| BUSY | drop Direction | drop Direction |
| ABORT | ends: aborted by the peer | - |
| CHALLENGE | drop Direction | drop Direction |
| RESPONSE | drop Response | drop Response |
| type 9 | drop Type | drop Type |

**client, call number: any**

| packet | no connection |
|---|---|
| DATA 1 | drop UnknownConnection |
| DATA 2 | drop UnknownConnection |
| LAST 2 | drop UnknownConnection |
| ACK | drop UnknownConnection |
| PING | drop UnknownConnection |
| ACKALL | drop UnknownConnection |
| BUSY | drop UnknownConnection |
| ABORT | drop UnknownConnection |
| CHALLENGE | drop UnknownConnection |
| RESPONSE | drop Direction |
| type 9 | drop Type |

**client, call number: this**

| packet | SendRequest, AwaitReply | RecvReply | Succeeded | Aborted | AbortedByPeer |
|---|---|---|---|---|---|
| DATA 1 | -> ClientRecvReply | ACK Duplicate | ACK Duplicate, drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| DATA 2 | ACK OutOfSequence, -> ClientRecvReply | delayed ACK | ACK Duplicate, drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| LAST 2 | ACK OutOfSequence, -> ClientRecvReply | succeeds | ACK Duplicate, drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| ACK | - | - | ACK Duplicate, drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| PING | ACK PingResponse | ACK PingResponse, drop StaleAck | ACK Duplicate, drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| ACKALL | - | - | drop Finished | ABORT 42, drop Finished | ABORT -1, drop Finished |
| BUSY | drop Refusal | drop Refusal | drop Finished | drop Finished | drop Finished |
| ABORT | ends: aborted by the peer | ends: aborted by the peer | drop Finished | drop Finished | drop Finished |
| CHALLENGE | drop Type | drop Type | drop Finished | drop Finished | drop Finished |
| RESPONSE | drop Direction | drop Direction | drop Direction | drop Direction | drop Direction |
| type 9 | drop Type | drop Type | drop Type | drop Type | drop Type |

**client, call number: old**

| packet | SendRequest, AwaitReply, RecvReply, Succeeded, Aborted, AbortedByPeer |
|---|---|
| DATA 1 | drop OldCall |
| DATA 2 | drop OldCall |
| LAST 2 | drop OldCall |
| ACK | drop OldCall |
| PING | drop OldCall |
| ACKALL | drop OldCall |
| BUSY | drop OldCall |
| ABORT | drop OldCall |
| CHALLENGE | drop OldCall |
| RESPONSE | drop Direction |
| type 9 | drop Type |

**client, call number: next**

| packet | SendRequest, AwaitReply, RecvReply, Succeeded, Aborted, AbortedByPeer |
|---|---|
| DATA 1 | drop UnknownCall |
| DATA 2 | drop UnknownCall |
| LAST 2 | drop UnknownCall |
| ACK | drop UnknownCall |
| PING | drop UnknownCall |
| ACKALL | drop UnknownCall |
| BUSY | drop UnknownCall |
| ABORT | drop UnknownCall |
| CHALLENGE | drop UnknownCall |
| RESPONSE | drop Direction |
| type 9 | drop Type |

**client, call number: zero**

| packet | SendRequest, AwaitReply, RecvReply | Succeeded, Aborted, AbortedByPeer |
|---|---|---|
| DATA 1 | drop Type | drop Type |
| DATA 2 | drop Type | drop Type |
| LAST 2 | drop Type | drop Type |
| ACK | drop Type | drop Type |
| PING | drop Type | drop Type |
| ACKALL | drop Type | drop Type |
| BUSY | drop Type | drop Type |
| ABORT | ends: aborted by the peer | - |
| CHALLENGE | drop Challenge | drop Challenge |
| RESPONSE | drop Direction | drop Direction |
| type 9 | drop Type | drop Type |
`;

export interface TableRow {
  readonly side: string;
  /** The call number of the packet against that of the call in this state: any, this, old, next, zero. */
  readonly number: string;
  readonly state: string;
  /** Packet name to outcome. */
  readonly cells: Readonly<Record<string, string>>;
}

/** Reads the tables: one row for each state of each column. */
function parse(text: string): readonly TableRow[] {
  const rows: TableRow[] = [];
  for (const section of text.split("**service,").flatMap((part, i) => split(part, i > 0))) {
    const columns = section.lines[0] ?? [];
    for (const [at, states] of columns.entries()) {
      if (at === 0) continue;
      const cells = Object.fromEntries(section.lines.slice(2).map((line) => [line[0] ?? "", line[at] ?? ""]));
      for (const state of states.split(", "))
        rows.push({ side: section.side, number: section.number, state, cells });
    }
  }
  return rows;
}

interface Section {
  readonly side: string;
  readonly number: string;
  readonly lines: string[][];
}

function split(part: string, isService: boolean): Section[] {
  const sections: Section[] = [];
  for (const [i, piece] of part.split("**client,").entries()) {
    const number = /call number: (\w+)\*\*/.exec(piece)?.[1];
    if (number === undefined) continue;
    const lines = piece.split("\n").filter((line) => line.startsWith("|"));
    const cells = lines.map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
    sections.push({ side: i === 0 && isService ? "service" : "client", number, lines: cells });
  }
  return sections;
}

export const STATE_TABLE: readonly TableRow[] = parse(TEXT);
