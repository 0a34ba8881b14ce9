// Handlers that misbehave, each in its own way, and how its calls must end. Server and client both read this list.
import { RxAbort } from "../../../dist/index.js";
import { ECHO_ID } from "./service-ids.mjs";

const USER_ABORT = -6;
const TIMEOUT = -3;
const RESTARTING = -100;
const REPLY = new Uint8Array(16).fill(1);
const LONG_WORK_MS = 100;
const DEADLINE_MS = 400;
const MANY_BYTES = 1 << 20;

/** What handlers were told that did what they must not do. */
export const told = { errors: 0 };

/** @type {(() => void)[]} handlers that wait until they are let go */
const held = [];

/** Lets go of every handler that does not end by itself. */
export function letGo() {
  for (const release of held.splice(0)) release();
}

/**
 * @typedef {object} Way
 * @property {number} id of its service
 * @property {string} name
 * @property {string} end `reply N` for a reply of so many bytes, else `abort CODE`
 * @property {import("../../../dist/index.js").CallHandler} call
 * @property {number} [deadlineMs]
 * @property {number} [requestBytes]
 */

/** @type {Way[]} */
export const WAYS = [
  {
    id: 401,
    name: "throws",
    end: `abort ${USER_ABORT}`,
    call: () => {
      throw new Error("thrown");
    },
  },
  { id: 402, name: "rejects", end: `abort ${USER_ABORT}`, call: () => Promise.reject(new Error("rejected")) },
  { id: 403, name: "rejects with a code", end: "abort 110", call: () => Promise.reject(new RxAbort(110)) },
  {
    id: 404,
    name: "rejects with nothing",
    end: `abort ${USER_ABORT}`,
    call: () => Promise.reject(undefined),
  },
  { id: 405, name: "returns nonsense", end: `abort ${USER_ABORT}`, call: nonsense(42) },
  { id: 406, name: "returns a text", end: `abort ${USER_ABORT}`, call: async () => nonsense("text")() },
  // Not a promise of ours, but it has a then().
  { id: 407, name: "returns a thenable", end: `abort ${USER_ABORT}`, call: nonsense({ then: 1 }) },
  {
    id: 408,
    name: "throws after output",
    end: `abort ${USER_ABORT}`,
    call: async (call) => {
      await call.readAll();
      await call.write(REPLY);
      throw new Error("thrown after output");
    },
  },
  {
    id: 409,
    name: "never settles",
    end: `abort ${TIMEOUT}`,
    deadlineMs: DEADLINE_MS,
    call: () => new Promise((resolve) => held.push(() => resolve(undefined))),
  },
  {
    id: 410,
    name: "ignores its input",
    end: `reply ${REPLY.length}`,
    requestBytes: MANY_BYTES,
    call: () => REPLY,
  },
  {
    id: 411,
    name: "ignores its input and never settles",
    end: `abort ${TIMEOUT}`,
    requestBytes: MANY_BYTES,
    deadlineMs: DEADLINE_MS,
    call: () => new Promise((resolve) => held.push(() => resolve(undefined))),
  },
  {
    id: 412,
    name: "works long",
    end: `reply ${REPLY.length}`,
    call: () => {
      for (const end = performance.now() + LONG_WORK_MS; performance.now() < end; );
      return REPLY;
    },
  },
  {
    id: 413,
    name: "answers twice",
    end: `reply ${REPLY.length}`,
    call: async (call) => {
      await call.readAll();
      await call.end(REPLY);
      await expectRefusal(() => call.write(REPLY));
      await expectRefusal(() => call.end(REPLY));
    },
  },
  {
    id: 414,
    name: "answers after its abort",
    end: "abort 7",
    call: async (call) => {
      await call.readAll();
      call.abort(7);
      await expectRefusal(() => call.write(REPLY));
      call.abort(8);
      return REPLY;
    },
  },
  {
    id: 415,
    name: "throws where it is told of an end",
    end: "abort 9",
    call: async (call) => {
      call.onEnded = () => {
        throw new Error("thrown by onEnded");
      };
      await call.readAll();
      call.abort(9);
    },
  },
];

/** Handlers that answer after their server has stopped. */
export const AFTER_STOP = {
  id: 431,
  end: `abort ${RESTARTING}`,
  /** @param {import("../../../dist/index.js").ServerCall} call */
  call: async (call) => {
    await new Promise((resolve) => held.push(() => resolve(undefined)));
    await expectRefusal(() => call.write(REPLY));
    await expectRefusal(() => call.end());
    return REPLY;
  },
};

/** Calls whose notifiers throw. */
export const THROWING_NOTIFIER = { id: 441, end: `abort ${USER_ABORT}` };
export const REJECTING_NOTIFIER = { id: 442, end: `abort ${USER_ABORT}` };
/** On a server whose reporter of faults throws as well. */
export const THROWING_REPORTER = { id: 443, end: `abort ${USER_ABORT}` };

/** A service beside them. */
export const HONEST_ID = ECHO_ID;

/** @param {unknown} value @returns {any} */
function nonsense(value) {
  return () => value;
}

/** @param {() => Promise<void>} act */
async function expectRefusal(act) {
  try {
    await act();
  } catch {
    told.errors++;
    return;
  }
  throw new Error("nobody refused what must not be done");
}
