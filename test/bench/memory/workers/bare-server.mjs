// A server put together from the parts of RpcServer, so that the loop and the buffers can be looked into: of the workers
// this one alone imports more than the public API.
import { rxperfService } from "../../../../dist/index.js";
import { turnsWaitedMax } from "../../../../dist/loop/event-cache.js";
import { RxSocket } from "../../../../dist/node/rx-socket.js";
import { endpointOptions } from "../../../../dist/node/socket-options.js";
import { SocketResources } from "../../../../dist/node/socket-resources.js";
import { nodeSystem } from "../../../../dist/node/system.js";
import { Dispatcher } from "../../../../dist/rpc/dispatcher.js";
import { nullSecurity } from "../../../../dist/security/null.js";
import { Driver } from "../../../../dist/transport/driver.js";
import { answerCommands } from "../../workers/worker.mjs";
import { LoopWatch } from "./loop-watch.mjs";
import { streamService } from "./services.mjs";
import { Starvation } from "./starvation.mjs";

const BACKLOG = 32;

/** @type {RxSocket} */
let socket;
/** @type {Driver} */
let driver;
/** @type {LoopWatch | null} */
let watch = null;
/** @type {Starvation} */
let starvation;

answerCommands(async (command) => {
  switch (command.op) {
    case "start":
      return start(command);
    case "counters":
      return counters();
    case "watch":
      watch?.begin();
      return {};
    case "watched":
      return { ...watch?.end(), ...counters() };
    case "starve":
      return starvation.run(command.holdMs);
    default:
      throw new RangeError(`no such op: ${command.op}`);
  }
});

/**
 * As RxSocket.bind() does it, but for what is to be measured.
 *
 * @param {object} command
 * @param {object} [command.options] of the socket
 * @param {string} [command.file] what the handlers of the file service read
 * @param {boolean} [command.changesOnlyWhatDiffers]
 * @param {number} [command.starvedDeadlineMs]
 */
async function start({ options = {}, file, changesOnlyWhatDiffers = true, starvedDeadlineMs = 0 }) {
  const udp = nodeSystem.bind("127.0.0.1", 0);
  /** @param {unknown} cause */
  const onFault = (cause) => console.error(cause);
  driver = new Driver({
    transport: udp,
    loop: nodeSystem.loop,
    random: nodeSystem.makeRandom(),
    security: [nullSecurity],
    options: endpointOptions(options),
    onFault,
    onError: onFault,
    changesOnlyWhatDiffers,
  });
  if (file !== undefined) watch = new LoopWatch(driver.events, file);
  const backend = watch === null ? {} : { fileBackend: watch.backend };
  const resources = new SocketResources(driver.events, { ...options, ...backend });
  await driver.open();
  // Its constructor is private to the compiler only: there is no public way to a driver that changes more than it must.
  socket = Reflect.construct(RxSocket, [driver, nodeSystem, udp, resources, onFault]);
  starvation = new Starvation(socket, starvedDeadlineMs);
  for (const definition of [
    rxperfService(),
    streamService,
    ...starvation.services,
    ...(watch?.services ?? []),
  ]) {
    new Dispatcher(socket, definition, BACKLOG).listen();
  }
  return { port: socket.port };
}

function counters() {
  const { events, driver: arms, transport, files } = socket.stats();
  return { events, driver: arms, transport, files, turnsWaitedMax: turnsWaitedMax(watch?.itemsMax ?? 0) };
}
