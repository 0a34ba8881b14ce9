// One normalised form of a remote address: numbers, so that look-ups compare and hash without strings.
// IPv4 and IPv4-mapped IPv6 are the same address here; scope ids are dropped.

const DOT = 46;
const COLON = 58;
const PERCENT = 37;
const ZERO = 48;
// Length of ::ffff:0:0/96, which holds the IPv4-mapped addresses (RFC 4291 §2.5.5.2).
const MAPPED_BITS = 96;

/**
 * An IP address and UDP port. The address is four signed 32-bit words in network order; IPv4 stands in `w3` alone.
 * Objects are reused: whoever keeps one copies it.
 */
export class Address {
  family: 4 | 6 = 4;
  w0 = 0;
  w1 = 0;
  w2 = 0;
  w3 = 0;
  port = 0;

  /** @returns the address of a literal, or undefined when `host` is none. */
  static from(host: string, port: number): Address | undefined {
    const address = new Address();
    if (!address.parseHost(host)) return undefined;
    address.port = port;
    return address;
  }

  copyFrom(other: Address): void {
    this.family = other.family;
    this.w0 = other.w0;
    this.w1 = other.w1;
    this.w2 = other.w2;
    this.w3 = other.w3;
    this.port = other.port;
  }

  reset(): void {
    this.family = 4;
    this.w0 = 0;
    this.w1 = 0;
    this.w2 = 0;
    this.w3 = 0;
    this.port = 0;
  }

  equals(other: Address): boolean {
    return (
      this.w3 === other.w3 &&
      this.port === other.port &&
      this.w2 === other.w2 &&
      this.w1 === other.w1 &&
      this.w0 === other.w0 &&
      this.family === other.family
    );
  }

  /** Parses a literal into this object; the port is left alone. @returns false, with the object unchanged, for anything else. */
  parseHost(host: string): boolean {
    const v4 = parseIpv4(host, 0, host.length);
    if (v4 !== NOT_IPV4) {
      this.#set4(v4 | 0);
      return true;
    }
    return this.#parseIpv6(host);
  }

  /** The literal without the port: `192.0.2.1` or `2001:db8:0:0:0:0:0:1`. */
  format(): string {
    if (this.family === 4) {
      const w = this.w3;
      return `${w >>> 24}.${(w >>> 16) & 255}.${(w >>> 8) & 255}.${w & 255}`;
    }
    const groups: string[] = [];
    for (const word of [this.w0, this.w1, this.w2, this.w3]) {
      groups.push((word >>> 16).toString(16), (word & 0xffff).toString(16));
    }
    return groups.join(":");
  }

  /** The literal with the port, for people: `192.0.2.1:7009`, `[2001:db8:0:0:0:0:0:1]:7009`. */
  toString(): string {
    return this.family === 4 ? `${this.format()}:${this.port}` : `[${this.format()}]:${this.port}`;
  }

  #set4(word: number): void {
    this.family = 4;
    this.w0 = 0;
    this.w1 = 0;
    this.w2 = 0;
    this.w3 = word;
  }

  #parseIpv6(host: string): boolean {
    const words = parseIpv6Groups(host);
    if (words === undefined) return false;
    const [w0, w1, w2, w3] = [word(words, 0), word(words, 2), word(words, 4), word(words, 6)];
    if (w0 === 0 && w1 === 0 && w2 === 0xffff) {
      this.#set4(w3);
      return true;
    }
    this.family = 6;
    this.w0 = w0;
    this.w1 = w1;
    this.w2 = w2;
    this.w3 = w3;
    return true;
  }
}

/** Where an address range begins, and how many leading bits belong to it. */
export class AddressRange {
  readonly base: Address;
  readonly prefixBits: number;

  private constructor(base: Address, prefixBits: number) {
    this.base = base;
    this.prefixBits = prefixBits;
  }

  /**
   * The prefix of an IPv4-mapped address counts from the IPv6 address's first bit: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
   *
   * @returns the range of `127.0.0.0/8`, `::1` and the like, or undefined when `text` is none
   */
  static parse(text: string): AddressRange | undefined {
    const slash = text.indexOf("/");
    const base = Address.from(slash < 0 ? text : text.slice(0, slash), 0);
    if (base === undefined) return undefined;
    const widest = base.family === 4 ? 32 : 128;
    if (slash < 0) return new AddressRange(base, widest);
    const digits = text.slice(slash + 1);
    const isMapped = base.family === 4 && text.includes(":");
    const bits = Number(digits) - (isMapped ? MAPPED_BITS : 0);
    if (!/^\d{1,3}$/.test(digits) || bits < 0 || bits > widest) return undefined;
    return new AddressRange(base, bits);
  }

  contains(address: Address): boolean {
    if (address.family !== this.base.family) return false;
    const base = this.base;
    if (base.family === 4) return samePrefix(address.w3, base.w3, this.prefixBits);
    return (
      samePrefix(address.w0, base.w0, this.prefixBits) &&
      samePrefix(address.w1, base.w1, this.prefixBits - 32) &&
      samePrefix(address.w2, base.w2, this.prefixBits - 64) &&
      samePrefix(address.w3, base.w3, this.prefixBits - 96)
    );
  }
}

function samePrefix(a: number, b: number, bits: number): boolean {
  if (bits <= 0) return true;
  return bits >= 32 ? a === b : (a ^ b) >>> (32 - bits) === 0;
}

// Outside the range of any 32-bit value.
const NOT_IPV4 = 0x1_0000_0000;

// Runs for each datagram whose sender differs from the one before, so it makes no strings.
function parseIpv4(text: string, from: number, to: number): number {
  let word = 0;
  let octet = -1;
  let dots = 0;
  for (let i = from; i < to; i++) {
    const c = text.charCodeAt(i);
    if (c >= ZERO && c <= ZERO + 9) {
      // A leading zero makes the octet octal to some readers and decimal to others: no address at all.
      if (octet === 0) return NOT_IPV4;
      octet = (octet < 0 ? 0 : octet * 10) + (c - ZERO);
      if (octet > 255) return NOT_IPV4;
    } else if (c === DOT && octet >= 0 && dots < 3) {
      word = (word << 8) | octet;
      octet = -1;
      dots++;
    } else {
      return NOT_IPV4;
    }
  }
  if (dots !== 3 || octet < 0) return NOT_IPV4;
  return (word << 8) | octet;
}

function word(groups: readonly number[], at: number): number {
  return ((groups[at] as number) << 16) | (groups[at + 1] as number);
}

function parseIpv6Groups(host: string): number[] | undefined {
  let end = host.length;
  for (let i = 0; i < host.length; i++) {
    if (host.charCodeAt(i) === PERCENT) {
      end = i;
      break;
    }
  }
  const text = host.slice(0, end);
  if (text.indexOf(":") < 0) return undefined;
  const gap = text.indexOf("::");
  if (gap >= 0 && text.indexOf("::", gap + 1) >= 0) return undefined;
  const head = gap < 0 ? text : text.slice(0, gap);
  const tail = gap < 0 ? "" : text.slice(gap + 2);
  const left = head === "" ? [] : parseGroups(head, gap < 0);
  const right = tail === "" ? [] : parseGroups(tail, true);
  if (left === undefined || right === undefined) return undefined;
  const missing = 8 - left.length - right.length;
  if (gap < 0 ? missing !== 0 : missing < 1) return undefined;
  return [...left, ...new Array<number>(missing).fill(0), ...right];
}

// Only the last 32 bits of an address may be written with dots, so not what stands before a gap (RFC 4291 §2.2).
function parseGroups(text: string, mayEndDotted: boolean): number[] | undefined {
  const groups: number[] = [];
  let start = 0;
  while (start <= text.length) {
    let stop = start;
    while (stop < text.length && text.charCodeAt(stop) !== COLON) stop++;
    const part = text.slice(start, stop);
    if (mayEndDotted && stop === text.length && part.includes(".")) {
      const v4 = parseIpv4(part, 0, part.length);
      if (v4 === NOT_IPV4) return undefined;
      groups.push((v4 >>> 16) & 0xffff, v4 & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
    start = stop + 1;
  }
  return groups;
}
