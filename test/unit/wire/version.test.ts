import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AssertionError } from "../../../src/util/assert.js";
import { escapeBytes } from "../../../src/wire/escape.js";
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { PacketFlag } from "../../../src/wire/packet-type.js";
import {
  isVersionRequest,
  readVersionText,
  VERSION_REPLY_SIZE,
  writeVersionReply,
  writeVersionRequest,
} from "../../../src/wire/version.js";
import { PACKET_VECTORS, vectorBytes } from "../../vectors/rx-packets.js";
import { poisoned, written } from "./arbitraries.js";

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const reply = (text: string, size: number): Uint8Array =>
  written(size, (bytes, offset) => writeVersionReply(bytes, offset, ascii(text), size));

describe("isVersionRequest()", () => {
  it("knows the request of rxdebug", () => {
    const bytes = vectorBytes(PACKET_VECTORS.versionRequest.hex);
    expect(isVersionRequest(bytes[21] as number, bytes, HEADER_SIZE, bytes.length)).toBe(true);
  });

  it.each([
    ["a keepalive, which lacks the client flag", PacketFlag.LastPacket, [0], false],
    ["no body", PacketFlag.ClientInitiated, [], false],
    ["a body that begins with another byte", PacketFlag.ClientInitiated, [1, 0], false],
    ["bytes after the zero byte (A12)", PacketFlag.ClientInitiated, [0, 9, 9], true],
    ["unknown flag bits beside the client flag (A8)", 0xff, [0], true],
  ])("of %s (A9)", (_name, flags, body, expected) => {
    // The buffer goes on with zeros, so that reading past the end would be seen.
    const bytes = new Uint8Array(40);
    bytes.set(body, 28);
    expect(isVersionRequest(flags, bytes, 28, 28 + body.length)).toBe(expected);
  });

  it("accepts the body that we send", () => {
    const bytes = written(1, writeVersionRequest);
    expect(isVersionRequest(PacketFlag.ClientInitiated, bytes, 0, 1)).toBe(true);
  });
});

describe("VERSION reply", () => {
  it.each([1, 2, 59, 62, 63, 64, 65])(
    "fills %i bytes, a NUL among the first 64, whatever the text",
    (size) => {
      for (const length of [0, 1, 57, 58, 62, 63, 64, 65, 200]) {
        const bytes = reply("x".repeat(length), size);
        const kept = Math.min(length, size - 1, 63);
        expect(bytes).toEqual(Uint8Array.from({ length: size }, (_, i) => (i < kept ? 0x78 : 0)));
        expect(readVersionText(bytes, 0, size)).toBe("x".repeat(kept));
      }
    },
  );

  it.each([0, -1, VERSION_REPLY_SIZE + 1])("is never asked for with size %i", (size) => {
    expect(() => writeVersionReply(poisoned(200), 0, ascii("x"), size)).toThrow(AssertionError);
  });

  it("is never written past its buffer, whose last byte it may use", () => {
    expect(writeVersionReply(poisoned(65), 0, ascii("x"), 65)).toBe(65);
    expect(() => writeVersionReply(poisoned(64), 0, ascii("x"), 65)).toThrow(AssertionError);
  });
});

describe("readVersionText()", () => {
  it.each([
    ["\x1b[2Jx\0junk", "\\x1b[2Jx"],
    ['say "hi" \\', 'say \\"hi\\" \\\\'],
    ["\x7f\xff\n", "\\x7f\\xff\\x0a"],
    ["", ""],
    ["\0", ""],
    ["a".repeat(500), "a".repeat(65)],
  ])("shows %j as %j (H2)", (raw, shown) => {
    const bytes = ascii(raw);
    expect(readVersionText(bytes, 0, bytes.length)).toBe(shown);
  });

  it("reads nothing past the end", () => {
    expect(readVersionText(ascii("abcdef"), 2, 4)).toBe("cd");
    expect(readVersionText(ascii("a".repeat(200)), 60, 100)).toBe("a".repeat(40));
  });
});

describe("escapeBytes()", () => {
  it("yields printable ASCII for any bytes, and different text for different bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (a, b) => {
        const [x, y] = [escapeBytes(a, 0, a.length), escapeBytes(b, 0, b.length)];
        expect(x).toMatch(/^[\x20-\x7e]*$/);
        expect(x === y).toBe(a.length === b.length && a.every((byte, i) => byte === b[i]));
      }),
    );
  });
});
