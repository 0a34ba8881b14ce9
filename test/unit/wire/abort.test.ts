import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ABORT_SIZE,
  AbortCode,
  abortCodeName,
  readAbortCode,
  writeAbortCode,
} from "../../../src/wire/abort.js";
import { HEADER_SIZE } from "../../../src/wire/header.js";
import { PACKET_VECTORS, vectorBytes } from "../../vectors/rx-packets.js";
import { int32, poisoned, written } from "./arbitraries.js";

describe("ABORT", () => {
  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(int32, (code) => {
        const bytes = written(ABORT_SIZE, (to, offset) => writeAbortCode(to, offset, code));
        expect(readAbortCode(bytes, 0, bytes.length)).toBe(code);
      }),
    );
  });

  it("reads RXGEN_OPCODE from a server's abort", () => {
    const bytes = vectorBytes(PACKET_VECTORS.unknownOperationAbort.hex);
    expect(readAbortCode(bytes, HEADER_SIZE, bytes.length)).toBe(AbortCode.RXGEN_OPCODE);
  });

  it.each([-1, 0, 1, 2, 3])("reads 0 from %i bytes", (length) => {
    expect(readAbortCode(poisoned(32), 28, 28 + length)).toBe(0);
  });

  it("ignores bytes after the code (A12)", () => {
    expect(readAbortCode(Uint8Array.of(0, 0, 0, 110, 0xff, 0xff), 0, 6)).toBe(110);
  });
});

describe("abortCodeName()", () => {
  it("names each code of the table by its key", () => {
    for (const [name, code] of Object.entries(AbortCode)) expect(abortCodeName(code)).toBe(name);
  });

  it.each([
    [0, "0"],
    [1, "1"],
    [-11, "-11"],
    [-458, "-458"],
    [100, "100"],
    [101, "VSALVAGE"],
    [110, "VBUSY"],
    [112, "VIO"],
    [113, "113"],
    [19270399, "19270399"],
    [19270400, "RXKADINCONSISTENCY"],
    [19270409, "RXKADEXPIRED"],
    [19270412, "RXKADILLEGALLEVEL"],
    [19270413, "19270413"],
    [1233242880, "RXGK_INCONSISTENCY"],
    [1233242884, "RXGK_BADLEVEL or RXGK_NOTAUTH"],
    [1233242891, "RXGK_BAD_QOP"],
    [1233242892, "1233242892"],
    [-2147483648, "-2147483648"],
  ])("of %i is %s", (code, name) => {
    expect(abortCodeName(code)).toBe(name);
  });
});
