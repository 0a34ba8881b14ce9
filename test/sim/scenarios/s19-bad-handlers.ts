// S19: ten kinds of bad handler, as far as handlers go without promises. Each call ends, and nobody else's does.
import type { CallHandle } from "../../../src/core/call-handle.js";
import { ServiceStyle } from "../../../src/core/service.js";
import { RxError } from "../../../src/util/errors.js";
import { Violation } from "../checkers.js";
import { HandlerError } from "../handler-error.js";
import type { SimScenario } from "../run-seed.js";
import type { PatternService } from "../workload.js";

const LIMIT_US = 5_000_000;
const BYTES = new Uint8Array(5_000);

export const s19: SimScenario = {
  id: "S19",
  title: "ten kinds of bad handler",
  path: { delayMeanUs: 5_000 },
  faults: ["loss", "jitter", "reorder", "copy", "lateTimer", "poolRefusal"],
  mayFail: true,
  start(world) {
    const server = world.addServer({ style: ServiceStyle.User });
    const service = world.serviceOf(server);
    const prng = world.prng.fork();
    let nextId = 1_000_000n;
    service.serveOtherwise = (handle) => {
      const kind = prng.below(20);
      if (kind >= HANDLERS.length) return false;
      if (kind > 1) {
        service.service.accept(handle, nextId++);
        handle.limitTime(LIMIT_US);
      }
      (HANDLERS[kind] as Handler)(handle, service);
      return true;
    };
    world.mayCutShort = true;
    world.addClients(2);
    world.addCalls(30, 2_000, 2_000, 2_000_000);
  },
};

type Handler = (handle: CallHandle, service: PatternService) => void;

const HANDLERS: readonly Handler[] = [
  () => {
    throw new HandlerError("in onNewCall");
  },
  (handle, { service }) => service.reject(handle, 77),
  (handle) => handle.abort(78),
  // Never answers and never lets go: its time limit ends it.
  (handle) => endsWithCall(handle, () => undefined),
  (handle) =>
    endsWithCall(handle, () => {
      throw new HandlerError("in the listener");
    }),
  (handle) => {
    handle.write(BYTES, 0, BYTES.length);
    handle.abort(79);
    handle.release();
  },
  (handle) => {
    handle.end();
    refused(() => handle.end());
    endsWithCall(handle, () => undefined);
  },
  (handle) => {
    handle.end();
    refused(() => handle.write(BYTES, 0, 1));
    endsWithCall(handle, () => undefined);
  },
  (handle) => {
    handle.release();
    handle.abort(80);
    refused(() => handle.write(BYTES, 0, 1));
  },
  (handle) => {
    handle.discardInput();
    handle.end();
    endsWithCall(handle, () => undefined);
  },
];

function endsWithCall(handle: CallHandle, other: () => void): void {
  handle.listener = {
    handleCallEvents: (told, events) => {
      if ((events & 8) !== 0) told.release();
      else other();
    },
  };
}

function refused(run: () => void): void {
  try {
    run();
  } catch (cause) {
    if (cause instanceof RxError) return;
    throw cause;
  }
  throw new Violation("S19", "a handler may write after the end");
}
