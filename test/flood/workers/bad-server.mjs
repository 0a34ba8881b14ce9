// A server whose handlers and notifiers misbehave in every way, beside one that does not.
import { RpcServer, RxSocket, service } from "../../../dist/index.js";
import { answerCommands } from "../../bench/workers/worker.mjs";
import {
  AFTER_STOP,
  HONEST_ID,
  letGo,
  REJECTING_NOTIFIER,
  THROWING_NOTIFIER,
  THROWING_REPORTER,
  told,
  WAYS,
} from "./bad-ways.mjs";

const NOTIFIER_BACKLOG = 8;

/** @type {RpcServer} */
let server;
/** @type {RxSocket} */
let socket;
/** @type {RpcServer} */
let stopping;
/** @type {RpcServer} */
let faulty;
let faults = 0;
let charges = 0n;

answerCommands(async (command) => {
  switch (command.op) {
    case "start":
      return start();
    case "letGo":
      letGo();
      return {};
    case "discard":
      return discard();
    case "stop":
      return stop();
    case "state":
      return state();
    default:
      throw new RangeError(`no such op: ${command.op}`);
  }
});

async function start() {
  const onFault = () => {
    faults++;
  };
  server = new RpcServer({ onFault });
  server.add(service({ id: HONEST_ID, name: "honest", call: (call) => call.readAll() }));
  for (const { id, name, call, deadlineMs } of WAYS) {
    server.add(service({ id, name, call, backlog: 16, ...(deadlineMs !== undefined && { deadlineMs }) }));
  }
  await server.start();
  stopping = new RpcServer({ onFault });
  stopping.add(service({ id: AFTER_STOP.id, call: AFTER_STOP.call }));
  await stopping.start();
  faulty = new RpcServer({
    onFault: () => {
      throw new Error("thrown by onFault");
    },
  });
  faulty.add(
    service({ id: THROWING_REPORTER.id, concurrency: 4, call: () => Promise.reject(new Error("rejected")) }),
  );
  await faulty.start();
  socket = await RxSocket.bind({ onFault });
  offer(THROWING_NOTIFIER.id, () => {
    throw new Error("thrown by onNewCall");
  });
  // An async function passes for a notifier.
  offer(REJECTING_NOTIFIER.id, () => Promise.reject(new Error("rejected by onNewCall")));
  return { port: server.port, notifiers: socket.port, stopping: stopping.port, faulty: faulty.port };
}

/** @type {import("../../../dist/index.js").Listener[]} */
const listeners = [];

/**
 * @param {number} id
 * @param {() => void} act
 */
function offer(id, act) {
  const listener = socket.service({
    id,
    onNewCall: () => {
      charge(listener);
      return act();
    },
    onDiscardCall: () => {
      throw new Error("thrown by onDiscardCall");
    },
  });
  listener.listen(NOTIFIER_BACKLOG);
  for (let i = 0; i < NOTIFIER_BACKLOG; i++) charge(listener);
  listeners.push(listener);
}

/** @param {import("../../../dist/index.js").Listener} listener */
function charge(listener) {
  listener.chargeAccept(charges++);
}

/** Every notifier throws, and so does what is called when a call is charged. */
function discard() {
  let thrown = 0;
  for (const listener of listeners) {
    listener.listen(0);
    listener.listen(1);
    try {
      listener.chargeAccept(charges++, () => {
        throw new Error("thrown by attach");
      });
    } catch {
      thrown++;
    }
    listener.listen(0);
  }
  return { thrown, spare: listeners.reduce((sum, { backlog }) => sum + backlog.spare, 0) };
}

async function stop() {
  await stopping.close();
  letGo();
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { running: stopping.running };
}

function state() {
  const [stats] = server.stats();
  const spare = stats?.services.reduce((sum, each) => sum + each.spare, 0) ?? 0;
  return {
    running: server.running + stopping.running + faulty.running,
    // Calls that are neither spare nor anybody's any more, and buffers that nobody gave back.
    calls: (stats?.calls.used ?? 0) - spare,
    buffers: stats?.buffers.used,
    notifierCalls: socket.stats().calls.used,
    handlers: server.handlers(),
    faults,
    told: told.errors,
  };
}
