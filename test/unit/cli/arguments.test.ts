// Values of a command line.
import { describe, expect, test } from "vitest";
import { Arguments, formatTarget, parseTarget, printable, UsageError } from "../../../src/cli/arguments.js";

const KINDS = { bytes: "string", seconds: "string", loud: "boolean" } as const;

describe("parseTarget()", () => {
  test.each([
    ["127.0.0.1:7000", "127.0.0.1", 7000],
    ["127.0.0.1", "127.0.0.1", 7009],
    ["server.example:1", "server.example", 1],
    ["[::1]:65535", "::1", 65535],
    ["[::1]", "::1", 7009],
    ["::1", "::1", 7009],
    ["fe80::1%eth0", "fe80::1%eth0", 7009],
  ])("%s", (text, host, port) => {
    expect(parseTarget(text)).toEqual({ host, port });
    expect(parseTarget(formatTarget({ host, port }))).toEqual({ host, port });
  });

  test.each([
    "",
    ":",
    ":7009",
    "host:",
    "host:0",
    "host:65536",
    "host:7009x",
    "[::1",
    "[]:1",
    "a:b:c",
    "[::1]7009",
  ])("refuses %j", (text) => {
    expect(() => parseTarget(text)).toThrow(UsageError);
  });
});

describe("Arguments", () => {
  test("reads integers with and without a power of 1 024", () => {
    const read = (text: string) => new Arguments(["--bytes", text], KINDS, 0).integer("bytes", 0);
    expect([read("0"), read("17"), read("2k"), read("3M"), read("1g")]).toEqual([
      0,
      17,
      2048,
      3 << 20,
      1 << 30,
    ]);
    for (const wrong of ["1.5", "0x10", "1e3", " 1", "1kk", "99999999999999999"]) {
      expect(() => read(wrong)).toThrow(UsageError);
    }
  });

  test("reads seconds with a fraction", () => {
    const read = (text: string) => new Arguments([`--seconds=${text}`], KINDS, 0).seconds("seconds", 10);
    expect([read("0.25"), read("10")]).toEqual([0.25, 10]);
    for (const wrong of ["0", "11", "1s", ".5", "NaN", "Infinity"])
      expect(() => read(wrong)).toThrow(UsageError);
  });

  test("tells what was not given", () => {
    const line = new Arguments(["word"], KINDS, 1);
    expect([line.integer("bytes", 0), line.seconds("seconds", 1), line.text("bytes")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect([line.flag("loud"), line.has("bytes"), line.positionals]).toEqual([false, false, ["word"]]);
    expect(line.target(1, "host:5")).toEqual({ host: "host", port: 5 });
  });
});

test("printable() leaves no control character", () => {
  expect(printable("plain text, äöü")).toBe("plain text, äöü");
  expect(printable("\x1b[2J\r\n\u009b\u202e\u2028")).toBe("\\x1b[2J\\x0d\\x0a\\x9b\\x202e\\x2028");
});
