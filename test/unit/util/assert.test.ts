import { describe, expect, it } from "vitest";
import { AssertionError, assert } from "../../../src/util/assert.js";
import { RxError } from "../../../src/util/errors.js";

describe("assert()", () => {
  it("lets a true condition pass", () => {
    expect(() => assert(true, "never shown")).not.toThrow();
  });

  it("throws an AssertionError with the message for a false one", () => {
    expect(() => assert(false, "three is two")).toThrow(new AssertionError("three is two"));
  });
});

describe("AssertionError", () => {
  it("is told from the errors that users handle, and names itself in a stack", () => {
    const error = new AssertionError("broken");
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(RxError);
    expect(error.name).toBe("AssertionError");
    expect(String(error)).toBe("AssertionError: broken");
  });
});
