// Settings that are worked out from others, and those that are refused with a reason.
import { describe, expect, test } from "vitest";
import { EndpointConfig, type EndpointOptions } from "../../../src/core/config.js";
import { buffersKept } from "../../../src/memory/buffer-pool.js";
import { RxOptionError } from "../../../src/util/errors.js";

function refusal(options: EndpointOptions): RxOptionError {
  try {
    new EndpointConfig(options);
  } catch (error) {
    if (error instanceof RxOptionError) return error;
    throw error;
  }
  throw new Error("the options were taken");
}

describe("EndpointConfig", () => {
  test("by default has windows of 32 and 64 packets, out of 4096 buffers of one packet each", () => {
    const { buffersMax, bufferBytes, receiveWindowPackets, transmitQueuePackets } = new EndpointConfig();
    expect([buffersMax, bufferBytes, receiveWindowPackets, transmitQueuePackets]).toEqual([
      4_096, 1_500, 32, 64,
    ]);
  });

  test.each([
    // buffers, receive window, transmit queue
    [8, 4, 2],
    [11, 4, 2],
    [12, 4, 3],
    [39, 4, 9],
    [40, 5, 10],
    [255, 31, 63],
    [256, 32, 64],
    [1_048_576, 32, 64],
  ])(
    "with %i buffers a call takes in %i packets ahead of its reader and queues %i",
    (buffersMax, receive, transmit) => {
      const config = new EndpointConfig({ buffersMax });
      expect([config.receiveWindowPackets, config.transmitQueuePackets]).toEqual([receive, transmit]);
    },
  );

  test("takes windows that are given as they are, whatever the buffers", () => {
    const given = { buffersMax: 16, receiveWindowPackets: 255, transmitQueuePackets: 256 };
    const config = new EndpointConfig(given);
    expect([config.receiveWindowPackets, config.transmitQueuePackets]).toEqual([255, 256]);
  });

  test.each([1, 2, 7])("refuses %i buffers, and shows how many it takes and why", (buffersMax) => {
    const error = refusal({ buffersMax });
    expect(error.option).toBe("buffersMax");
    expect(error.message).toContain(
      "an integer from 8 to 1048576 (4 for a request + 1 for its reply + 3 in reserve)",
    );
    expect(error.message).toContain(String(buffersMax));
  });

  test.each([
    [1, 5],
    [2, 6],
    [3, 7],
    [4, 8],
    [5, 8],
    [255, 8],
  ])("with a window of %i packets the least are %i buffers", (receiveWindowPackets, least) => {
    expect(new EndpointConfig({ buffersMax: least, receiveWindowPackets }).buffersMax).toBe(least);
    const error = refusal({ buffersMax: least - 1, receiveWindowPackets });
    const request = Math.min(4, receiveWindowPackets);
    expect(error.message).toContain(
      `from ${least} to 1048576 (${request} for a request + 1 for its reply + 3 in reserve)`,
    );
  });

  test("however few they are, two packets can be queued", () => {
    expect(new EndpointConfig({ buffersMax: 5, receiveWindowPackets: 1 }).transmitQueuePackets).toBe(2);
  });

  test("the least that is allowed leaves a request and its reply what they need beside the reserve", () => {
    for (let buffersMax = 8; buffersMax < 5_000; buffersMax++) {
      const config = new EndpointConfig({ buffersMax });
      expect(buffersMax - buffersKept(buffersMax)).toBeGreaterThanOrEqual(
        Math.min(4, config.receiveWindowPackets) + 1,
      );
    }
  });

  test.each([
    ["buffersMax", 0],
    ["buffersMax", 1_048_577],
    ["buffersMax", 8.5],
    ["bufferBytes", 1_499],
    ["bufferBytes", 65_537],
    ["receiveWindowPackets", 0],
    ["receiveWindowPackets", 256],
    ["transmitQueuePackets", 1],
    ["transmitQueuePackets", 257],
    ["transmitQueuePackets", "64"],
  ])("refuses %s %j by name", (option, value) => {
    expect(refusal({ [option]: value }).option).toBe(option);
  });

  test("refuses a name that it does not know", () => {
    expect(refusal({ bufferMax: 64 } as EndpointOptions).message).toContain("bufferMax");
  });
});
