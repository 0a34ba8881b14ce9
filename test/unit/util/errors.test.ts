import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { RX_ERRORS, RxError, type RxErrorCode, RxOptionError } from "../../../src/util/errors.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const codes = Object.keys(RX_ERRORS) as RxErrorCode[];

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

const readme = existsSync(join(root, "README.md")) ? read("README.md") : "";
const hasErrorSection = /^#{1,6} .*\berrors?\b/im.test(readme);

const sources = new Map<string, string>();
for (const path of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
  if (path.endsWith(".ts")) sources.set(path, read(join("src", path)));
}
const COMMENT = /\/\*[^]*?\*\/|^\s*\/\/.*$/gm;

// Where the code is given to somebody: a string that is not compared with, outside comments and the table itself.
function isConstructed(code: RxErrorCode): boolean {
  if (code === "RX_ERR_OPTION") return [...sources.values()].some((text) => /new RxOptionError\(/.test(text));
  const literal = new RegExp(`(?<!(===|!==|case)\\s*)"${code}"`);
  for (const [path, text] of sources) {
    if (path !== join("util", "errors.ts") && literal.test(text.replaceAll(COMMENT, ""))) return true;
  }
  return false;
}

describe("the table of errors", () => {
  it.each(codes)("%s has a well-formed name and a meaning of its own", (code) => {
    expect(code).toMatch(/^RX_ERR(_[A-Z]+)+$/);
    const same = codes.filter((other) => RX_ERRORS[other] === RX_ERRORS[code]);
    expect(same).toEqual([code]);
    expect(RX_ERRORS[code].length).toBeGreaterThan(10);
  });

  it.each(codes)("%s is constructed somewhere", (code) => {
    expect(isConstructed(code)).toBe(true);
  });

  it("holds every code that the sources and the README speak of", () => {
    const spokenOf = [...sources.values(), readme].flatMap((text) => text.match(/\bRX_ERR_[A-Z_]+\b/g) ?? []);
    expect(spokenOf.length).toBeGreaterThan(codes.length);
    expect(spokenOf.filter((code) => !Object.hasOwn(RX_ERRORS, code))).toEqual([]);
  });

  it.skipIf(!hasErrorSection).each(codes)("%s is documented in the README", (code) => {
    expect(readme).toMatch(new RegExp(`\\b${code}\\b`));
  });
});

describe("RxError", () => {
  it("carries its code in a field and at the head of its message", () => {
    const error = new RxError("RX_ERR_LIMIT", "64 calls wait already");
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe("RxError");
    expect(error.code).toBe("RX_ERR_LIMIT");
    expect(error.message).toBe("RX_ERR_LIMIT: 64 calls wait already");
    expect(error.abortCode).toBeUndefined();
    expect(Object.hasOwn(error, "cause")).toBe(false);
  });

  it("carries the abort code and the cause where there are any", () => {
    const cause = new Error("EACCES");
    const error = new RxError("RX_ERR_CALL_ABORTED", "aborted", { abortCode: -455, cause });
    expect(error.abortCode).toBe(-455);
    expect(error.cause).toBe(cause);
  });

  it("keeps an abort code of 0 and a cause that is no error", () => {
    const error = new RxError("RX_ERR_CALL_FAILED", "ended", { abortCode: 0, cause: null });
    expect(error.abortCode).toBe(0);
    expect(error.cause).toBeNull();
  });
});

describe("RxOptionError", () => {
  it("is a RangeError that names the option, what was expected and what came", () => {
    const error = new RxOptionError("callsMax", "an integer from 1 to 9", 10);
    expect(error).toBeInstanceOf(RangeError);
    expect(error.name).toBe("RxOptionError");
    expect(error.code).toBe("RX_ERR_OPTION");
    expect([error.option, error.expected, error.received]).toEqual([
      "callsMax",
      "an integer from 1 to 9",
      "10",
    ]);
    expect(error.message).toBe("RX_ERR_OPTION: callsMax: expected an integer from 1 to 9, got 10");
  });

  it.each([
    ["a word", '"a word"'],
    ["", '""'],
    ["x".repeat(40), `"${"x".repeat(40)}"`],
    ["x".repeat(41), `"${"x".repeat(40)}..."`],
    [2n ** 40n, "1099511627776n"],
    [-1.5, "-1.5"],
    [Number.NaN, "NaN"],
    [false, "false"],
    [undefined, "undefined"],
    [null, "null"],
    [() => 1, "a function"],
    [Symbol("secret"), "a symbol"],
    [[1, 2], "an array"],
    [{ a: 1 }, "an object"],
    [new Date(0), "an object"],
  ])("shows %o as %s", (value, shown) => {
    expect(new RxOptionError("o", "something else", value).received).toBe(shown);
  });

  it("calls nothing of the object that came, and shows nothing of what it holds", () => {
    const traps = new Proxy(
      { password: "hunter2" },
      {
        get: () => {
          throw new Error("read");
        },
        ownKeys: () => {
          throw new Error("listed");
        },
      },
    );
    expect(new RxOptionError("o", "a number", traps).message).toBe(
      "RX_ERR_OPTION: o: expected a number, got an object",
    );
  });
});
