// The row about handlers and callbacks that misbehave.
import { pause } from "./stage.mjs";
import {
  AFTER_STOP,
  HONEST_ID,
  REJECTING_NOTIFIER,
  THROWING_NOTIFIER,
  THROWING_REPORTER,
  WAYS,
} from "./workers/bad-ways.mjs";

const SERVER = import.meta.resolve("./workers/bad-server.mjs");
const CLIENT = import.meta.resolve("./workers/bad-client.mjs");

const ASK_MS = 30_000;
const CALLS = 24;
const CALLS_QUICK = 6;
const LISTENERS = 2;
const SETTLE_MS = 500;

/** @type {import("./run.mjs").Row[]} */
export const handlerRows = [
  {
    name: "handlers",
    title: "handlers and callbacks that throw, reject, answer twice, never end, beside honest calls",
    bar: "server alive; honest calls well; bad calls end with their codes; nothing held",
    run: async (stage) => {
      const calls = stage.quick ? CALLS_QUICK : CALLS;
      const child = stage.process(SERVER);
      const ports = await child.ask({ op: "start" }, ASK_MS);
      const honest = await stage.honest({
        port: ports.port,
        serviceId: HONEST_ID,
        clients: 2,
        outstanding: 4,
        thinkMs: 2,
      });
      const client = stage.process(CLIENT);
      const wrong = [];
      /** @param {string} name @param {Record<string, number>} ends @param {string} end */
      const judge = (name, ends, end) => {
        if (ends[end] !== calls) wrong.push(`${name}: ${JSON.stringify(ends)} instead of ${calls} x ${end}`);
      };

      for (const { id, name, end, requestBytes } of WAYS) {
        const { ends } = await client.ask(
          { op: "call", port: ports.port, serviceId: id, calls, requestBytes },
          ASK_MS,
        );
        judge(name, ends, end);
      }
      for (const [name, { id, end }] of /** @type {const} */ ([
        ["onNewCall throws", THROWING_NOTIFIER],
        ["onNewCall rejects", REJECTING_NOTIFIER],
      ])) {
        const command = { op: "call", port: ports.notifiers, serviceId: id, calls };
        judge(name, (await client.ask(command, ASK_MS)).ends, end);
      }
      const discarded = await child.ask({ op: "discard" }, ASK_MS);
      if (discarded.thrown !== LISTENERS || discarded.spare !== 0)
        wrong.push(`discarding: ${JSON.stringify(discarded)}`);

      await client.ask({ op: "begin", port: ports.stopping, serviceId: AFTER_STOP.id, calls }, ASK_MS);
      await pause(SETTLE_MS);
      await child.ask({ op: "stop" }, ASK_MS);
      judge("answers after the stop", (await client.ask({ op: "ends" }, ASK_MS)).ends, AFTER_STOP.end);

      await child.ask({ op: "letGo" }, ASK_MS);
      const { failed, errors } = await honest.stop();
      await pause(SETTLE_MS);
      const state = await child.ask({ op: "state" }, ASK_MS);
      if (state.running + state.calls + state.buffers + state.notifierCalls > 0)
        wrong.push(
          `held at the end: ${state.running} handlers, ${state.calls} and ${state.notifierCalls} calls, ${state.buffers} buffers`,
        );
      if (failed > 0) wrong.push(`${failed} honest calls failed: ${errors.join("; ")}`);

      // Last, and on its own: a process that this ends shall not hide the rest.
      const reporter = { op: "call", port: ports.faulty, serviceId: THROWING_REPORTER.id, calls };
      const { ends } = await client.ask(reporter, ASK_MS);
      judge("onFault throws", ends, THROWING_REPORTER.end);
      await pause(SETTLE_MS);
      if (!child.alive) wrong.push("onFault throws: it ended the server's process");
      return {
        passed: wrong.length === 0 && child.alive,
        figure: `${WAYS.length + 4 - new Set(wrong.map((line) => line.split(":")[0])).size} of ${WAYS.length + 4} ways end well, server ${child.alive ? "alive" : "gone"}`,
        notes: [
          ...wrong,
          `${calls} calls in each way; ${state.faults} faults reported, ${state.told} errors to handlers alone; honest: ${failed} failed`,
        ],
        values: { wrong, state },
      };
    },
  },
];
