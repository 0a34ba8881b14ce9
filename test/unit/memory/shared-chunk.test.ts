import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { SharedChunk } from "../../../src/memory/shared-chunk.js";
import { RxOptionError } from "../../../src/util/errors.js";

const STATE_ERROR = expect.objectContaining({ name: "RxError", code: "RX_ERR_CALL_STATE" });

describe("SharedChunk", () => {
  it("starts with its maker's reference and the maker's own bytes, in no list", () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const chunk = new SharedChunk(bytes);
    expect(chunk.bytes).toBe(bytes);
    expect([chunk.references, chunk.isDisposed]).toEqual([1, false]);
    expect([chunk.nextRetired, chunk.isRetired]).toEqual([null, false]);
  });

  it("gives the bytes to dispose with the last reference, not before", () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const dispose = vi.fn();
    const chunk = new SharedChunk(bytes, dispose);
    expect(chunk.retain()).toBe(chunk);
    expect(chunk.references).toBe(2);
    chunk.release();
    expect([chunk.references, chunk.isDisposed, dispose.mock.calls.length]).toEqual([1, false, 0]);
    chunk.release();
    expect([chunk.references, chunk.isDisposed]).toEqual([0, true]);
    expect(dispose.mock.calls).toEqual([[bytes]]);
    expect(dispose.mock.calls[0]?.[0]).toBe(bytes);
  });

  it("shows no bytes once they belong to somebody else", () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const chunk = new SharedChunk(bytes);
    chunk.release();
    expect(chunk.bytes.length).toBe(0);
    expect([...bytes]).toEqual([1, 2, 3]);
  });

  it("refuses retain() and release() by a typed error after the end, and disposes of nothing again", () => {
    const dispose = vi.fn();
    const chunk = new SharedChunk(new Uint8Array(4), dispose);
    chunk.release();
    expect(() => chunk.retain()).toThrow(STATE_ERROR);
    expect(() => chunk.release()).toThrow(STATE_ERROR);
    expect(() => chunk.retain()).toThrow("retain: the shared chunk has no references left");
    expect(() => chunk.release()).toThrow("release: the shared chunk has no references left");
    expect([chunk.references, chunk.isDisposed, dispose.mock.calls.length]).toEqual([0, true, 1]);
  });

  it("is at its end already when dispose runs: it can neither be revived nor released from there", () => {
    const seen: unknown[] = [];
    const chunk: SharedChunk = new SharedChunk(new Uint8Array(4), () => {
      seen.push(chunk.references, chunk.isDisposed, chunk.bytes.length);
      expect(() => chunk.retain()).toThrow(STATE_ERROR);
      expect(() => chunk.release()).toThrow(STATE_ERROR);
      seen.push("end");
    });
    chunk.release();
    expect(seen).toEqual([0, true, 0, "end"]);
  });

  it("passes on what dispose throws, and is disposed of all the same", () => {
    const dispose = vi.fn(() => {
      throw new Error("no");
    });
    const chunk = new SharedChunk(new Uint8Array(4), dispose);
    expect(() => chunk.release()).toThrow("no");
    expect([chunk.references, chunk.isDisposed, chunk.bytes.length]).toEqual([0, true, 0]);
    expect(() => chunk.release()).toThrow(STATE_ERROR);
    expect(dispose).toHaveBeenCalledTimes(1);
  });

  it.each([undefined, null, "bytes", [1, 2], new ArrayBuffer(8), new Uint16Array(4)])(
    "refuses %s as bytes",
    (bytes) => {
      const make = (): unknown => new SharedChunk(bytes as never);
      expect(make).toThrow(RxOptionError);
      expect(make).toThrow(expect.objectContaining({ option: "bytes", expected: "a Uint8Array" }));
    },
  );

  it("refuses a dispose that is no function", () => {
    const make = (): unknown => new SharedChunk(new Uint8Array(1), {} as never);
    expect(make).toThrow(RxOptionError);
    expect(make).toThrow(expect.objectContaining({ option: "dispose", expected: "a function" }));
  });

  it("disposes exactly once and at zero, in whatever order references come and go", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (steps) => {
        let disposed = 0;
        let references = 1;
        const chunk = new SharedChunk(new Uint8Array(8), () => disposed++);
        for (const isRetain of steps) {
          const step = (): unknown => (isRetain ? chunk.retain() : chunk.release());
          if (references === 0) expect(step).toThrow(STATE_ERROR);
          else {
            step();
            references += isRetain ? 1 : -1;
          }
          expect([chunk.references, chunk.isDisposed, chunk.bytes.length, disposed]).toEqual(
            references === 0 ? [0, true, 0, 1] : [references, false, 8, 0],
          );
        }
      }),
    );
  });
});
