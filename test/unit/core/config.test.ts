// Settings that are worked out from others, and those that are refused with a reason.
import { describe, expect, test } from "vitest";
import { ENDPOINT_OPTION_NAMES, EndpointConfig, type EndpointOptions } from "../../../src/core/config.js";
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

  /** Every option that is a whole number, with the least and the most that is taken. Times are in milliseconds. */
  const DAY_MS = 86_400_000;
  const BOUNDS: readonly [keyof EndpointOptions, number, number][] = [
    ["callsMax", 1, 65_536],
    ["connectionsMax", 1, 1_048_576],
    ["peersMax", 1, 1_048_576],
    ["strangersMax", 1, 1_048_576],
    ["strangersPerHostMax", 1, 1_048_576],
    ["tombstonesMax", 1, 1_048_576],
    ["callsPerPeerMax", 1, 65_536],
    ["clientConnectionsMax", 1, 16_384],
    ["waitingCallsMax", 1, 65_536],
    ["refusalsPerSecond", 0, 1_000_000],
    ["requestProgressMs", 1, DAY_MS],
    ["sendProgressMs", 1, DAY_MS],
    ["idleConnectionMs", 1, DAY_MS],
    ["strangerConnectionMs", 1, DAY_MS],
    ["idleClientConnectionMs", 1, DAY_MS],
    ["tombstoneMs", 1, DAY_MS],
    ["ackDelayMs", 1, DAY_MS],
    ["finalAckDelayMs", 1, DAY_MS],
  ];

  test.each(BOUNDS)("takes %s from %i to %i, in microseconds where it is a time", (option, least, most) => {
    const field = option.replace(/Ms$/, "Us");
    const scale = field === option ? 1 : 1_000;
    for (const value of [least, most]) {
      const config = new EndpointConfig({ [option]: value });
      expect(config[field as keyof EndpointConfig]).toBe(value * scale);
    }
    for (const value of [least - 1, most + 1]) expect(refusal({ [option]: value }).option).toBe(option);
  });

  test("takes every option there is, and the values of the documents are the defaults", () => {
    const documented: EndpointOptions = {
      callsMax: 1_024,
      connectionsMax: 4_096,
      peersMax: 4_096,
      strangersMax: 1_024,
      strangersPerHostMax: 64,
      tombstonesMax: 16_384,
      callsPerPeerMax: 512,
      buffersMax: 4_096,
      bufferBytes: 1_500,
      receiveWindowPackets: 32,
      transmitQueuePackets: 64,
      deadTimeMs: 20_000,
      keepaliveMs: 2_000,
      requestProgressMs: 30_000,
      sendProgressMs: 60_000,
      idleConnectionMs: 600_000,
      strangerConnectionMs: 10_000,
      idleClientConnectionMs: 120_000,
      tombstoneMs: 120_000,
      ackDelayMs: 100,
      finalAckDelayMs: 5,
      clientConnectionsMax: 64,
      waitingCallsMax: 1_024,
      trusted: ["127.0.0.0/8", "::1"],
      refusalsPerSecond: 20,
      versionText: "rxrpc 0.1.0",
    };
    expect(new EndpointConfig(documented)).toEqual(new EndpointConfig());
    expect(Object.keys(documented).sort()).toEqual([...ENDPOINT_OPTION_NAMES].sort());
  });

  test.each([
    // calls, of one peer, of strangers
    [1, 1, 1],
    [7, 3, 1],
    [8, 4, 2],
    [1_000, 500, 250],
  ])("of %i calls one address has %i, and all strangers together %i", (callsMax, ofPeer, ofStrangers) => {
    const config = new EndpointConfig({ callsMax });
    expect([config.callsPerPeerMax, config.strangerCallsMax]).toEqual([ofPeer, ofStrangers]);
  });

  test("the keepalive is a third of the dead time at most, so that two PINGs may be lost", () => {
    expect(new EndpointConfig({ deadTimeMs: 12_000, keepaliveMs: 4_000 }).keepaliveUs).toBe(4_000_000);
    const error = refusal({ deadTimeMs: 12_000, keepaliveMs: 4_001 });
    expect(error.option).toBe("keepaliveMs");
    expect(error.message).toContain("at most a third of deadTimeMs (12000)");
    expect(error.message).toMatch(/got 4001$/);
  });

  test("the buffers together are one array of at most 4 GiB", () => {
    const bufferBytes = 4_096;
    expect(new EndpointConfig({ buffersMax: 1_048_512, bufferBytes }).buffersMax).toBe(1_048_512);
    const error = refusal({ buffersMax: 1_048_513, bufferBytes });
    expect(error.option).toBe("buffersMax");
    expect(error.message).toContain("at most 1048512 buffers of 4096 bytes (4 GiB in all)");
    expect(error.message).toMatch(/got 1048513$/);
  });

  test("the version text is printable ASCII, and goes out byte for byte", () => {
    const text = ` ~${"x".repeat(56)}`;
    expect(String.fromCharCode(...new EndpointConfig({ versionText: text }).versionText)).toBe(text);
    for (const versionText of [`${text}x`, "a\x1f", "\x7f", "\tb", 5 as unknown as string]) {
      const error = refusal({ versionText });
      expect([error.option, error.message]).toEqual([
        "versionText",
        expect.stringContaining("at most 58 printable ASCII characters"),
      ]);
    }
  });

  test("trusted ranges are read one by one, and a wrong one is named", () => {
    expect(new EndpointConfig({ trusted: [] }).trusted).toEqual([]);
    expect(new EndpointConfig({ trusted: ["10.0.0.0/8", "::1"] }).trusted.length).toBe(2);
    const error = refusal({ trusted: ["10.0.0.0/8", "nowhere"] });
    expect(error.message).toContain("an address range such as 10.0.0.0/8");
    expect(error.message).toContain("nowhere");
    expect(refusal({ trusted: "10.0.0.0/8" as unknown as string[] }).message).toContain(
      "an array of address ranges",
    );
  });
});
