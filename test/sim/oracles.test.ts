// The rules themselves: for each of O1 to O12 an end, a service or a test double that breaks it on purpose, and the simulator
// that says so. A rule that cannot speak is none.
import { describe, expect, test } from "vitest";
import { CallEvent, CallState } from "../../src/core/call-object.js";
import { PacketType } from "../../src/wire/packet-type.js";
import type { End } from "./pair.js";
import type { RpcScenario } from "./run-rpc-seed.js";
import { runTask, type SimScenario } from "./run-seed.js";
import type { World } from "./world.js";

/** Two clients with a few calls to one server, and what is done to them. */
function scenarioWith(wrong: (world: World, server: End, client: End) => void, more = {}): SimScenario {
  return {
    id: "S99",
    title: "an end that breaks a rule",
    path: { delayMeanUs: 5_000 },
    start(world) {
      const server = world.addServer({ options: { trusted: [] } });
      world.addClients(2, { connectionsMax: 1 });
      world.addCalls(4, 20_000, 20_000);
      wrong(world, server.end, world.clients[0]?.end as End);
    },
    ...more,
  };
}

/** The rule that a run has found broken, and what it says. */
async function verdictOn(
  scenario: SimScenario | RpcScenario,
  mode: "once" | "twice" | "twin" = "once",
): Promise<string> {
  return (await runTask(scenario, { seed: 1 }, mode)).message;
}

describe("every rule can speak", () => {
  test("a run in which nobody breaks a rule breaks none", async () => {
    expect(
      await verdictOn(
        scenarioWith(() => undefined),
        "twice",
      ),
    ).toBe("");
  });

  test("O1: a service that runs a request again", async () => {
    const scenario = scenarioWith((world) => {
      const service = world.serviceOf(world.firstServer);
      const note = service.noteRun.bind(service);
      service.noteRun = (id) => {
        note(id);
        if (id === 4) note(id);
      };
    });
    expect(await verdictOn(scenario)).toMatch(/^O1: request 4 was run 2 times/);
  });

  test("O2: a client that is told the end of its call twice", async () => {
    const scenario = scenarioWith((world) => {
      const [call] = world.calls;
      const tell = call?.handleCallEvents.bind(call);
      if (call === undefined || tell === undefined) return;
      call.handleCallEvents = (handle, events) => {
        tell(handle, events);
        if ((events & CallEvent.Ended) !== 0) tell(handle, events);
      };
    });
    expect(await verdictOn(scenario)).toMatch(/^O2: told \d+ after its end: call 2/);
  });

  test("O2: a service that is told the end of a call twice, and one that is never told", async () => {
    const told = (times: number) =>
      scenarioWith((world) => {
        const service = world.serviceOf(world.firstServer);
        const note = service.noteEnded.bind(service);
        service.noteEnded = (handle, id) => {
          for (let i = 0; i < (id === 6 ? times : 1); i++) note(handle, id);
        };
      });
    expect(await verdictOn(told(2))).toBe("O2: the call of request 6 ended twice");
    expect(await verdictOn(told(0))).toBe("O2: 1 calls of the service were never told of their end");
  });

  test("O2: a call that fails where nothing may", async () => {
    const scenario = scenarioWith((world) => world.calls[0]?.handle.abort(5));
    expect(await verdictOn(scenario)).toMatch(/^O2: not a success: call 2: ends 1, completion 3, code 5/);
  });

  test("O3: a buffer that nobody holds", async () => {
    const scenario = scenarioWith((_world, server) => void server.endpoint.local.buffers.take());
    expect(await verdictOn(scenario)).toBe("O3: buffers in use against buffers held: expected 0, got 1");
  });

  test("O3: a call that holds its connection when it has gone", async () => {
    const scenario = scenarioWith((world, server) =>
      world.at(100_000, () => {
        const { known, pool } = server.endpoint.local.connections;
        pool.at(known.at(0)).holds++;
      }),
    );
    expect(await verdictOn(scenario)).toMatch(/^O3: /);
  });

  test("O4: more calls than there may be", async () => {
    const scenario = scenarioWith((_world, server) => {
      Object.assign(server.endpoint.config, { callsMax: 16 });
    });
    expect(await verdictOn(scenario)).toMatch(/^O4: \d+ calls, and at most 16 are allowed/);
  });

  test("O5: an answer that is much longer than the question", async () => {
    const scenario = scenarioWith((world, server) => {
      const stranger = world.addRaw("198.18.0.1", 5_000);
      stranger.send(new Uint8Array(28).fill(1));
      // It sends to the stranger what is meant for a client.
      world.at(20_000, () => {
        const poll = server.endpoint.pollTransmit.bind(server.endpoint);
        server.endpoint.pollTransmit = (out) => {
          if (!poll(out)) return false;
          if (out.length > 500) out.remote.copyFrom(stranger.port.local);
          return true;
        };
      });
    });
    expect(await verdictOn(scenario)).toMatch(/^O5: \d+ bytes to 198\.18\.0\.1:5000, which has sent 28/);
  });

  test("O6: a byte that was in memory before", async () => {
    const scenario = scenarioWith((world, server) => {
      const poll = server.endpoint.pollTransmit.bind(server.endpoint);
      server.endpoint.pollTransmit = (out) => {
        if (!poll(out)) return false;
        if (out.bytes[out.offset + 20] === PacketType.Ack)
          out.bytes[out.offset + out.length - 1] = world.simulation.poison;
        return true;
      };
    });
    expect(await verdictOn({ ...scenario, mayFail: true }, "twin")).toMatch(/^O6: /);
  });

  test("O7: an end that hears nothing any more, and whose timers do not run", async () => {
    const scenario = scenarioWith((world, _server, client) =>
      world.at(12_000, () => {
        client.isFrozen = true;
      }),
    );
    expect(await verdictOn(scenario)).toMatch(/^O7: without faults \d calls go on: call 2: ends 0/);
  });

  test("O8: chance that does not come from the seed", async () => {
    let runs = 0;
    const scenario = scenarioWith((world) => {
      const calls = ++runs;
      const [client] = world.clients;
      if (client !== undefined) for (let i = 0; i < calls; i++) world.call(client, 10, 10);
    });
    expect(await verdictOn(scenario, "twice")).toBe("O8: one seed gave two runs");
  });

  test("O9: an exception in the packet handler, one in a listener, and what is no Error", async () => {
    const throwing = scenarioWith((_world, server) => {
      server.endpoint.handleDatagram = () => {
        throw new TypeError("in the packet handler");
      };
    });
    expect(await verdictOn(throwing)).toBe("O9: TypeError: in the packet handler");
    const listening = scenarioWith((world) => {
      const [call] = world.calls;
      if (call === undefined) return;
      call.handleCallEvents = () => {
        throw new TypeError("in a listener");
      };
    });
    expect(await verdictOn(listening)).toBe("O9: TypeError: in a listener");
    const strange = scenarioWith((_world, server) => void server.faults.push("a text"));
    expect(await verdictOn(strange)).toBe("O9: something was thrown that is no Error");
  });

  test("O9: a promise that is rejected, and nobody looks", async () => {
    const scenario = scenarioWith(() => void Promise.reject(new Error("stray")));
    expect(await verdictOn(scenario)).toBe("O9: a promise was rejected and nobody looked: Error: stray");
  });

  test("O10: a call that goes back to an earlier state", async () => {
    const scenario = scenarioWith((world, server) =>
      world.repeat(50, 1_000, () => {
        const call = server.endpoint.local.calls.all.find(({ state }) => state === CallState.ServerSendReply);
        if (call !== undefined) call.state = CallState.ServerRecvRequest;
      }),
    );
    expect(await verdictOn(scenario)).toBe("O10: a call goes from ServerSendReply to ServerRecvRequest");
  });

  test.each([
    ["an ACK of what has not come", 40, /^O11: ACK of \d+, and \d+ has not come/],
    ["an ACK that takes back another", -3, /^O11: ACK of \d+ after one of \d+/],
  ])("O11: %s", async (_what, step, says) => {
    const scenario = scenarioWith((_world, server) => {
      const poll = server.endpoint.pollTransmit.bind(server.endpoint);
      let acks = 0;
      server.endpoint.pollTransmit = (out) => {
        if (!poll(out)) return false;
        const view = new DataView(out.bytes.buffer, out.bytes.byteOffset + out.offset, out.length);
        const first = out.length > 40 && view.getUint8(20) === PacketType.Ack ? view.getUint32(32) : 0;
        if (first > 4 && ++acks === 2) view.setUint32(32, first + step);
        return true;
      };
    });
    expect(await verdictOn({ ...scenario, mayFail: true })).toMatch(says);
  });

  test("O12: two bytes of a payload that have changed places", async () => {
    const scenario = scenarioWith((_world, server) => {
      server.loses = (bytes, offset, length) => {
        if (bytes[offset + 20] !== PacketType.Data || length < 300) return false;
        const at = offset + 200;
        [bytes[at], bytes[at + 1]] = [bytes[at + 1] as number, bytes[at] as number];
        return false;
      };
    });
    expect(await verdictOn(scenario)).toMatch(/^O12: .*wrong bytes between/);
  });

  test("O12: spare calls without a spare connection", async () => {
    const scenario = scenarioWith((world, server) => {
      const { backlog } = world.serviceOf(world.firstServer).service;
      world.at(50_000, () => {
        const connection = backlog.takeConnection();
        server.endpoint.local.connections.pool.give(connection);
      });
    });
    expect(await verdictOn(scenario)).toMatch(/^O12: spare peers >= connections >= calls/);
  });
});

describe("the rules hold for the whole library as well", () => {
  const rpc = (play: RpcScenario["play"]): RpcScenario => ({
    id: "S99R",
    title: "a play that breaks a rule",
    play,
  });

  test("O1, O12: a request that is run twice, and an echo of something else", async () => {
    const twice = rpc(async (world) => {
      const request = world.request(100);
      world.noteRun(request);
      world.noteRun(request);
      await world.runFor(1);
    });
    expect(await verdictOn(twice)).toBe("O1: request 1 was run 2 times");
    const other = rpc(async (world) => world.checkEcho(world.request(100), world.request(100)));
    expect(await verdictOn(other)).toMatch(/^O12: /);
  });

  test("O7: what never comes", async () => {
    expect(await verdictOn(rpc((world) => world.run(new Promise(() => undefined))))).toMatch(/^O7: /);
  });

  test("O9: a rejection that nobody looks at", async () => {
    const stray = rpc(async (world) => {
      void Promise.reject(new Error("stray"));
      await world.runFor(1);
    });
    expect(await verdictOn(stray)).toMatch(/^O9: a promise was rejected/);
  });
});
