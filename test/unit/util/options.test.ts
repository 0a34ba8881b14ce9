import { describe, expect, it } from "vitest";
import { RxOptionError } from "../../../src/util/errors.js";
import { functionOption, integerOption, knownOptions } from "../../../src/util/options.js";

function refusalOf(action: () => unknown): RxOptionError {
  try {
    action();
  } catch (cause) {
    if (cause instanceof RxOptionError) return cause;
    throw cause;
  }
  throw new Error("the option was taken");
}

describe("integerOption()", () => {
  it("gives the fallback for an absent value, even one outside the range", () => {
    expect(integerOption("callsMax", undefined, 8, 1, 9)).toBe(8);
    expect(integerOption("callsMax", undefined, 0, 1, 9)).toBe(0);
  });

  it.each([-3, 0, 7])("takes %i, which is in the range, both ends included", (value) => {
    expect(integerOption("n", value, 1, -3, 7)).toBe(value);
  });

  it.each([-4, 8, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "5", null, true, 5n, {}])(
    "refuses %s by name instead of changing it",
    (value) => {
      const refusal = refusalOf(() => integerOption("windowPackets", value, 1, -3, 7));
      expect(refusal.option).toBe("windowPackets");
      expect(refusal.expected).toBe("an integer from -3 to 7");
    },
  );

  it("goes up to the largest safe integer when no maximum is given", () => {
    expect(integerOption("bytes", Number.MAX_SAFE_INTEGER, 0, 0)).toBe(Number.MAX_SAFE_INTEGER);
    expect(refusalOf(() => integerOption("bytes", 2 ** 53, 0, 0)).received).toBe("9007199254740992");
  });
});

describe("functionOption()", () => {
  it("takes a function or nothing", () => {
    const listener = (): number => 1;
    expect(functionOption("onFault", listener)).toBe(listener);
    expect(functionOption("onFault", undefined)).toBeUndefined();
  });

  it.each([null, "listener", 1, {}])("refuses %j", (value) => {
    const refusal = refusalOf(() => functionOption("onFault", value));
    expect(refusal.option).toBe("onFault");
    expect(refusal.expected).toBe("a function");
  });
});

describe("knownOptions()", () => {
  it("takes no keys, some and all of those known", () => {
    for (const options of [{}, { a: 1 }, { b: undefined, a: 2 }, Object.create(null)]) {
      expect(() => knownOptions("server", options, ["a", "b"])).not.toThrow();
    }
  });

  it("names a key that is not known, and those that are", () => {
    const refusal = refusalOf(() => knownOptions("server", { a: 1, callMax: 5 }, ["a", "callsMax"]));
    expect(refusal.option).toBe("server.callMax");
    expect(refusal.expected).toBe("one of a, callsMax");
    expect(refusal.received).toBe('"callMax"');
  });

  it("does not take a key of every object's prototype for known", () => {
    expect(refusalOf(() => knownOptions("server", { toString: 1 }, ["a"])).option).toBe("server.toString");
  });

  it.each([null, undefined, 1, "options", [], () => 1])("refuses %s, which is no record", (value) => {
    expect(refusalOf(() => knownOptions("server", value, ["a"])).expected).toBe("an object");
  });
});
