// This library as a server that has no room: a service that listens and is charged nothing answers every call with BUSY.
import { RxSocket } from "../../../dist/index.js";
import { RXPERF_SERVICE_ID } from "./sizes.mjs";
import { transportPath } from "./transport-path.mjs";
import { serveUntilToldToEnd } from "./worker.mjs";

const BACKLOG = 32;

const socket = await RxSocket.bind({ port: 0 });
const nothing = () => undefined;
socket.service({ id: RXPERF_SERVICE_ID, onNewCall: nothing, onDiscardCall: nothing }).listen(BACKLOG);
console.log(`listening ${socket.port} ${transportPath().path}`);
serveUntilToldToEnd();
