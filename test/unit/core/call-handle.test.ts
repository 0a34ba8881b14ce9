// What users hold of a call: what it tells of the call, and that it tells nothing more once the call has been let go.
import { describe, expect, test } from "vitest";
import { stageService } from "./calls.js";

describe("hasInput", () => {
  test("says whether there are bytes to be taken now, and no longer once the call has been let go", () => {
    const { rig, talker, handle } = stageService("RecvRequest");
    const bytes = new Uint8Array(100);
    expect([handle.hasInput, handle.readInto(bytes, 0, 100), handle.hasInput]).toEqual([true, 8, false]);
    rig.feed(talker.data(2));
    expect(handle.hasInput).toBe(true);
    handle.release();
    expect(handle.hasInput).toBe(false);
  });
});
