import { BlockList, isIP, isIPv4 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Address, AddressRange } from "../../../src/util/address.js";

const octet = fc.nat({ max: 255 });
const ipv4 = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."));
const word = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 0xffff));
const ipv6Words = fc.tuple(word, word, word, word);
type Words = [number, number, number, number];

function parsed(host: string, port = 0): Address {
  const address = Address.from(host, port);
  if (address === undefined) throw new Error(`${host} was refused`);
  return address;
}

function wordsOf(address: Address): Words {
  return [address.w0, address.w1, address.w2, address.w3];
}

function groupsOf(words: Words): string[] {
  return words.flatMap((w) => [(w >>> 16).toString(16), (w & 0xffff).toString(16)]);
}

function dotted(w: number): string {
  return [w >>> 24, (w >>> 16) & 255, (w >>> 8) & 255, w & 255].join(".");
}

// Every way to write the groups: as they are, or with one of their runs of zeros left out.
function spellings(groups: readonly string[]): string[] {
  const texts = groups.length === 8 || groups.at(-1)?.includes(".") ? [groups.join(":")] : [];
  for (let from = 0; from < groups.length; from++) {
    for (let to = from; to < groups.length && groups[to] === "0"; to++) {
      texts.push(`${groups.slice(0, from).join(":")}::${groups.slice(to + 1).join(":")}`);
    }
  }
  return texts;
}

describe("Address.parseHost() with IPv4", () => {
  it("puts the four octets into w3 and nothing anywhere else", () => {
    fc.assert(
      fc.property(octet, octet, octet, octet, (a, b, c, d) => {
        const address = parsed(`${a}.${b}.${c}.${d}`);
        expect(address.family).toBe(4);
        expect(wordsOf(address)).toEqual([0, 0, 0, (a << 24) | (b << 16) | (c << 8) | d]);
      }),
    );
  });

  it.each([
    ["0.0.0.0", 0],
    ["127.0.0.1", 0x7f000001],
    ["128.0.0.0", -0x8000_0000],
    ["255.255.255.255", -1],
  ])("takes %s, signed", (host, w3) => {
    expect(parsed(host).w3).toBe(w3);
  });

  it.each([
    ...[
      "",
      ".",
      "1",
      "1.2.3",
      "1.2.3.4.5",
      "1..2.3",
      ".1.2.3",
      "1.2.3.",
      "1.2.3.4.",
      "256.0.0.1",
      "1.2.3.999",
    ],
    ...["1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "+1.2.3.4", "1.2.3.0x4", "1.2.3.4/8", "1.2.3.4:80", "1.2.3.4%lo"],
    ...["١.2.3.4", "localhost", "example.org"],
  ])("refuses %j", (host) => {
    expect(Address.from(host, 0)).toBeUndefined();
  });

  it.each(["010.0.0.1", "10.00.0.1", "10.0.0.01", "0000000010.0.0.1"])(
    "refuses %s: others read a leading zero as octal",
    (host) => {
      expect(Address.from(host, 0)).toBeUndefined();
    },
  );
});

describe("Address.parseHost() with IPv6", () => {
  it("takes every spelling of the same groups for the same address", () => {
    fc.assert(
      fc.property(ipv6Words, (words) => {
        fc.pre(!(words[0] === 0 && words[1] === 0 && words[2] === 0xffff));
        const groups = groupsOf(words);
        const texts = [...spellings(groups), ...spellings([...groups.slice(0, 6), dotted(words[3])])];
        for (const text of texts.flatMap((t) => [t, t.toUpperCase(), `${t}%eth0`])) {
          const address = parsed(text);
          expect([text, address.family, ...wordsOf(address)]).toEqual([text, 6, ...words]);
        }
      }),
    );
  });

  it.each([
    ["::", [0, 0, 0, 0]],
    ["::1", [0, 0, 0, 1]],
    ["2001:db8::1", [0x20010db8, 0, 0, 1]],
    ["fe80::1%eth0", [0xfe800000 | 0, 0, 0, 1]],
    ["1:2:3:4:5:6:7::", [0x10002, 0x30004, 0x50006, 0x70000]],
    ["::2:3:4:5:6:7:8", [2, 0x30004, 0x50006, 0x70008]],
    ["64:ff9b::192.0.2.33", [0x64ff9b, 0, 0, 0xc0000221 | 0]],
    ["::1.2.3.4", [0, 0, 0, 0x01020304]],
    ["::ffff:0:1.2.3.4", [0, 0, -0x10000, 0x01020304]],
  ])("takes %s", (host, words) => {
    expect(parsed(host).family).toBe(6);
    expect(wordsOf(parsed(host))).toEqual(words);
  });

  it("takes an IPv4-mapped address for the IPv4 address that it is", () => {
    fc.assert(
      fc.property(ipv4, (host) => {
        const plain = parsed(host, 7001);
        const hex = plain.w3;
        const groups = `${(hex >>> 16).toString(16)}:${(hex & 0xffff).toString(16)}`;
        for (const text of [
          `::ffff:${host}`,
          `::FFFF:${groups}`,
          `0:0:0:0:0:ffff:${host}`,
          `::ffff:${host}%lo`,
        ]) {
          const mapped = parsed(text, 7001);
          expect(mapped.equals(plain)).toBe(true);
          expect(mapped.format()).toBe(host);
        }
      }),
    );
  });

  it.each([
    ...[
      ":",
      ":::",
      "1::2::3",
      "::1::",
      ":1:2:3:4:5:6:7:8",
      "1:2:3:4:5:6:7:8:",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
    ],
    ...[
      "1:2:3:4:5:6:7:8::",
      "::1:2:3:4:5:6:7:8",
      "1:2:3:4::5:6:7:8",
      "12345::",
      "g::",
      "::-1",
      ":: 1",
      "[::1]",
      "::1/64",
    ],
    ...[
      "::1.2.3",
      "::1.2.3.256",
      "1:2:3:4:5:6:7:1.2.3.4",
      "::1.2.3.4:5",
      "%eth0",
      "1.2.3.4::",
      "1:1.2.3.4::5",
      "::1.2.3.04",
    ],
  ])("refuses %j", (host) => {
    expect(Address.from(host, 0)).toBeUndefined();
  });
});

describe("Address.parseHost() with anything", () => {
  const literal = fc.oneof(
    ipv4,
    fc.ipV6(),
    ipv6Words.map((words) => spellings(groupsOf(words)).at(-1) as string),
  );
  const noise = fc.string({ unit: fc.constantFrom(..."0123456789aFg.:".split("")), maxLength: 3 });
  const mutated = fc.tuple(literal, fc.nat(), fc.nat({ max: 3 }), noise).map(([text, at, gone, added]) => {
    const cut = at % (text.length + 1);
    return text.slice(0, cut) + added + text.slice(cut + gone);
  });

  it("takes exactly what the platform takes for an IP address", () => {
    fc.assert(
      fc.property(fc.oneof(literal, mutated), (text) => {
        expect([text, Address.from(text, 0) !== undefined]).toEqual([text, isIP(text) !== 0]);
      }),
      { numRuns: 2_000 },
    );
  });

  it("leaves the object as it was when it refuses, and the port in any case", () => {
    const address = parsed("2001:db8::7", 7003);
    for (const text of ["", "nowhere", "1.2.3", "1::2::3", "::1.2.3"]) {
      expect(address.parseHost(text)).toBe(false);
      expect(address.equals(parsed("2001:db8::7", 7003))).toBe(true);
    }
    expect(address.parseHost("192.0.2.1")).toBe(true);
    expect(address.equals(parsed("192.0.2.1", 7003))).toBe(true);
    expect(address.parseHost("::2")).toBe(true);
    expect(address.equals(parsed("::2", 7003))).toBe(true);
  });
});

describe("Address as text", () => {
  it("format() gives a literal of the same address, which parseHost() takes", () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, fc.ipV6()), (text) => {
        const address = parsed(text);
        expect(isIP(address.format())).toBe(address.family);
        expect(parsed(address.format()).equals(address)).toBe(true);
        if (isIPv4(text)) expect(address.format()).toBe(text);
      }),
    );
  });

  it("toString() adds the port, behind brackets for IPv6", () => {
    expect(parsed("192.0.2.1", 7009).toString()).toBe("192.0.2.1:7009");
    expect(parsed("2001:db8::1", 7009).toString()).toBe("[2001:db8:0:0:0:0:0:1]:7009");
  });
});

describe("Address objects", () => {
  const everyField = ["family", "w0", "w1", "w2", "w3", "port"] as const;

  it("equals() sees a difference in any one field", () => {
    const one = parsed("1:2:3:4:5:6:7:8", 9);
    expect(one.equals(parsed("1:2:3:4:5:6:7:8", 9))).toBe(true);
    for (const field of everyField) {
      const other = parsed("1:2:3:4:5:6:7:8", 9);
      if (field === "family") other.family = 4;
      else other[field]++;
      expect([field, one.equals(other), other.equals(one)]).toEqual([field, false, false]);
    }
  });

  it("tells 0.0.0.1 from ::1", () => {
    expect(parsed("0.0.0.1").equals(parsed("::1"))).toBe(false);
  });

  it("copyFrom() copies every field and keeps no tie", () => {
    const from = parsed("1:2:3:4:5:6:7:8", 9);
    const to = new Address();
    to.copyFrom(from);
    expect({ ...to }).toEqual({ ...from });
    from.w3++;
    expect(to.equals(from)).toBe(false);
  });

  it("reset() leaves what the constructor makes", () => {
    const used = parsed("1:2:3:4:5:6:7:8", 9);
    used.reset();
    expect({ ...used }).toEqual({ ...new Address() });
    expect(Object.keys(used)).toEqual(everyField);
  });
});

describe("AddressRange", () => {
  function range(text: string): AddressRange {
    const made = AddressRange.parse(text);
    if (made === undefined) throw new Error(`${text} was refused`);
    return made;
  }

  it.each([
    ["127.0.0.0/8", "127.255.255.255", "128.0.0.0"],
    ["127.0.0.1/8", "127.9.9.9", "126.255.255.255"],
    ["10.1.2.3", "10.1.2.3", "10.1.2.2"],
    ["10.1.2.2/31", "10.1.2.3", "10.1.2.4"],
    ["128.0.0.0/1", "255.0.0.1", "127.255.255.255"],
    ["::1", "::1", "::2"],
    ["::1/128", "::1", "::"],
    ["2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"],
    ["2001:db8:8000::/33", "2001:db8:ffff::1", "2001:db8:7fff::"],
    ["2001:db8::/64", "2001:db8::ffff:0:0:1", "2001:db8:0:1::"],
    ["2001:db8::/127", "2001:db8::1", "2001:db8::2"],
    ["fe80::1%eth0/64", "fe80::9", "fe80:0:0:1::9"],
    ["::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0"],
    ["::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"],
  ])("%s contains %s and not %s", (text, inside, outside) => {
    expect(range(text).contains(parsed(inside))).toBe(true);
    expect(range(text).contains(parsed(outside))).toBe(false);
  });

  it("of length 0 contains all of its family and none of the other", () => {
    for (const host of ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"]) {
      expect(range("0.0.0.0/0").contains(parsed(host))).toBe(true);
      expect(range("::/0").contains(parsed(host))).toBe(false);
    }
    expect(range("::/0").contains(parsed("ffff::ffff"))).toBe(true);
    expect(range("0.0.0.0/0").contains(parsed("::"))).toBe(false);
  });

  it("looks at no port", () => {
    expect(range("127.0.0.0/8").contains(parsed("127.0.0.1", 7001))).toBe(true);
  });

  it.each([
    ...["", "/", "/8", "nowhere", "nowhere/8", "127.0.0.0/", "127.0.0.0/33", "127.0.0.0/-1", "127.0.0.0/8.5"],
    ...[
      "127.0.0.0/ 8",
      "127.0.0.0/8/8",
      "127.0.0.0/0x8",
      "127.0.0.0/0008",
      "127/8",
      "::/129",
      "::/1e1",
      "::/",
    ],
  ])("refuses %j", (text) => {
    expect(AddressRange.parse(text)).toBeUndefined();
  });

  it("refuses a prefix of a mapped address that reaches beyond IPv4, instead of counting it in IPv4 bits", () => {
    expect(AddressRange.parse("::ffff:10.0.0.0/8")).toBeUndefined();
    expect(AddressRange.parse("::ffff:10.0.0.0/95")).toBeUndefined();
    expect(range("::ffff:10.0.0.0/96").contains(parsed("255.1.1.1"))).toBe(true);
  });

  it("agrees with the platform's block list near every border", () => {
    fc.assert(
      fc.property(
        ipv6Words,
        fc.boolean(),
        fc.nat({ max: 128 }),
        fc.nat({ max: 128 }),
        (words, isV4, bits, flip) => {
          fc.pre(isV4 || !(words[0] === 0 && words[1] === 0));
          const base = isV4 ? dotted(words[3]) : groupsOf(words).join(":");
          const prefix = isV4 ? bits % 33 : bits;
          // One bit of the base turned over, so that about half of the samples lie outside.
          const flipped = words.slice() as Words;
          const at = isV4 ? 96 + (flip % 32) : flip % 128;
          flipped[at >> 5] = (flipped[at >> 5] as number) ^ (0x8000_0000 >>> (at & 31));
          fc.pre(isV4 || !(flipped[0] === 0 && flipped[1] === 0));
          const host = isV4 ? dotted(flipped[3]) : groupsOf(flipped).join(":");
          const family = isV4 ? "ipv4" : "ipv6";
          const list = new BlockList();
          list.addSubnet(base, prefix, family);
          expect(range(`${base}/${prefix}`).contains(parsed(host))).toBe(list.check(host, family));
          expect(range(`${base}/${prefix}`).contains(parsed(base))).toBe(true);
        },
      ),
    );
  });
});
