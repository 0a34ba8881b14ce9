// This library as a server beside whose clients many connections stand idle, each with a peer of its own.
// Usage: idle-server.mjs CONNECTIONS
import { connectionsOf, startCrowdedServer } from "./crowded-server.mjs";
import { transportPath } from "./transport-path.mjs";
import { serveUntilToldToEnd } from "./worker.mjs";

const count = Number(process.argv[2]);
const { server, crowd } = await startCrowdedServer(count);
const spare = connectionsOf(server);
await crowd.make({ first: 0, count, hosts: count });
const idle = connectionsOf(server) - spare;
if (idle !== count) throw new Error(`${idle} connections stand idle, not ${count}`);
console.log(`listening ${server.port} ${transportPath().path}`);
serveUntilToldToEnd();
