// This library as a server: the server base with rxperf, as `rxrpc serve` has it, but ending with its stdin.
import { RpcServer, rxperfService } from "../../../dist/index.js";
import { transportPath } from "./transport-path.mjs";
import { serveUntilToldToEnd } from "./worker.mjs";

const server = new RpcServer({ port: 0 });
server.add(rxperfService());
await server.start();
console.log(`listening ${server.port} ${transportPath().path}`);
serveUntilToldToEnd();
