import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HEADER_SIZE, MAX_DATAGRAM } from "../../../src/wire/header.js";
import {
  countJumboSegments,
  JUMBO_DATA_SIZE,
  JUMBO_HEADER_SIZE,
  JUMBO_SEGMENTS_MAX,
  JumboError,
  jumboErrorName,
  jumboSegmentCksum,
  jumboSegmentFlags,
  jumboSegmentOffset,
  writeJumboHeader,
} from "../../../src/wire/jumbo.js";
import { PacketFlag } from "../../../src/wire/packet-type.js";
import { poisoned, uint8, uint16, written } from "./arbitraries.js";

const { JumboPacket, LastPacket, ClientInitiated } = PacketFlag;
const START = HEADER_SIZE;

// A DATA payload at START whose segments have these flags, the last of them `lastSize` long.
function jumbogram(flags: readonly number[], lastSize: number): Uint8Array {
  const last = flags.length - 1;
  const bytes = poisoned(jumboSegmentOffset(last, START) + lastSize, 0xff);
  for (let i = 1; i < flags.length; i++) {
    const at = jumboSegmentOffset(i, START) - JUMBO_HEADER_SIZE;
    writeJumboHeader(bytes, at, flags[i] as number, 0x1000 + i);
  }
  return bytes;
}

function count(flags: readonly number[], lastSize: number): number {
  const bytes = jumbogram(flags, lastSize);
  return countJumboSegments(bytes, START, bytes.length, flags[0] as number);
}

function chain(segments: number, lastFlags = 0): number[] {
  return [...new Array<number>(segments - 1).fill(JumboPacket), lastFlags];
}

describe("countJumboSegments()", () => {
  it.each([0, 1, 1411, 1412, 1416, 9000])("takes a plain packet of %i bytes as one segment", (size) => {
    expect(count([LastPacket], size)).toBe(1);
  });

  it.each([2, 3, 4, 6, 45])("counts %i segments, whatever the size of the last", (segments) => {
    for (const size of [0, 1, 1411, 1412]) expect(count(chain(segments, LastPacket), size)).toBe(segments);
  });

  it("takes the 46 full segments that fill a datagram", () => {
    const bytes = jumbogram(chain(JUMBO_SEGMENTS_MAX), JUMBO_DATA_SIZE);
    expect(bytes.length).toBe(65160);
    expect(countJumboSegments(bytes, START, bytes.length, JumboPacket)).toBe(46);
  });

  it("refuses 47 segments, which fit if the last is short (C6)", () => {
    const bytes = jumbogram(chain(JUMBO_SEGMENTS_MAX + 1), 300);
    expect(bytes.length).toBeLessThan(MAX_DATAGRAM);
    expect(countJumboSegments(bytes, START, bytes.length, JumboPacket)).toBe(JumboError.TooMany);
  });

  it.each([-1, 0, 1, 1411, 1412, 1415])(
    "refuses a first segment of %i bytes that promises another (C5)",
    (size) => {
      const bytes = poisoned(START + 2000, 0);
      expect(countJumboSegments(bytes, START, START + size, JumboPacket)).toBe(JumboError.TooShort);
    },
  );

  it("takes the shortest jumbogram: one full segment, a sub-header, no data", () => {
    const bytes = poisoned(START + 2000, 0);
    expect(countJumboSegments(bytes, START, START + 1416, JumboPacket)).toBe(2);
  });

  it.each([0, 1, 1415])("refuses an inner segment of %i bytes that promises another (C5, C6)", (size) => {
    expect(count([JumboPacket, JumboPacket], size)).toBe(JumboError.TooShort);
  });

  it("does not read past the end of the packet, even if the buffer goes on (C5)", () => {
    const bytes = jumbogram(chain(4), 1412);
    const end = jumboSegmentOffset(2, START) - 1;
    expect(countJumboSegments(bytes, START, end, JumboPacket)).toBe(JumboError.TooShort);
  });

  it.each([0, 1, 2])("refuses LAST together with JUMBO in segment %i (C6)", (at) => {
    const flags = chain(4);
    flags[at] = JumboPacket | LastPacket;
    expect(count(flags, 100)).toBe(JumboError.LastInside);
  });

  it("says LastInside when the packet is also too short or too long", () => {
    const bytes = poisoned(START, 0);
    expect(countJumboSegments(bytes, START, START, JumboPacket | LastPacket)).toBe(JumboError.LastInside);
    const flags = chain(JUMBO_SEGMENTS_MAX + 1);
    flags[JUMBO_SEGMENTS_MAX - 1] = JumboPacket | LastPacket;
    expect(count(flags, 0)).toBe(JumboError.LastInside);
  });

  it("reads any chain as the format is told: segment by segment, the first fault decides", () => {
    const flags = fc.constantFrom(
      0,
      JumboPacket,
      JumboPacket,
      JumboPacket,
      JumboPacket | LastPacket,
      LastPacket,
      0xdb,
    );
    fc.assert(
      fc.property(
        fc.array(flags, { minLength: 1, maxLength: JUMBO_SEGMENTS_MAX + 2, size: "max" }),
        fc.constantFrom(0, 1, JUMBO_DATA_SIZE - 1, JUMBO_DATA_SIZE, JUMBO_DATA_SIZE + JUMBO_HEADER_SIZE - 1),
        (chained, lastSize) => {
          let expected = 0;
          for (let i = 0; expected === 0; i++) {
            const now = chained[i] as number;
            if ((now & JumboPacket) === 0) expected = i + 1;
            else if ((now & LastPacket) !== 0) expected = JumboError.LastInside;
            else if (i + 1 === JUMBO_SEGMENTS_MAX) expected = JumboError.TooMany;
            else if (i === chained.length - 1) expected = JumboError.TooShort;
          }
          expect(count(chained, lastSize)).toBe(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("ends and stays in bounds on any bytes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_DATAGRAM }), uint8, uint8, (length, flags, fill) => {
        const segments = countJumboSegments(poisoned(length, fill), 0, length, flags);
        if (segments > 1) expect(jumboSegmentOffset(segments - 1, 0)).toBeLessThanOrEqual(length);
        else expect([1, -1, -2, -3]).toContain(segments);
      }),
    );
  });
});

describe("jumboErrorName()", () => {
  it("names each error by its key", () => {
    for (const [name, error] of Object.entries(JumboError)) expect(jumboErrorName(error)).toBe(name);
    expect(jumboErrorName(-4)).toBe("-4");
  });
});

describe("jumbo sub-header", () => {
  it("keeps flags and cksum of each segment, and writes its pad byte as zero", () => {
    fc.assert(
      fc.property(uint8, uint16, fc.integer({ min: 1, max: 45 }), (flags, cksum, i) => {
        const header = written(JUMBO_HEADER_SIZE, (bytes, offset) =>
          writeJumboHeader(bytes, offset, flags, cksum),
        );
        expect(header[1]).toBe(0);
        const bytes = poisoned(jumboSegmentOffset(i, START));
        bytes.set(header, bytes.length - JUMBO_HEADER_SIZE);
        expect(jumboSegmentFlags(bytes, i, START)).toBe(flags);
        expect(jumboSegmentCksum(bytes, i, START)).toBe(cksum);
      }),
    );
  });

  it("finds the sub-headers where the layout puts them", () => {
    expect([0, 1, 2].map((i) => jumboSegmentOffset(i, 28))).toEqual([28, 1444, 2860]);
    const bytes = jumbogram([JumboPacket | ClientInitiated, JumboPacket, LastPacket], 10);
    expect([...bytes.subarray(1440, 1444)]).toEqual([JumboPacket, 0, 0x10, 1]);
    expect([...bytes.subarray(2856, 2860)]).toEqual([LastPacket, 0, 0x10, 2]);
  });
});
