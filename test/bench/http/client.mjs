// undici: calls over a pool that keeps one connection open for each call that is outstanding. Usage: client.mjs PORT
import { Pool } from "undici";
import { answerCommands, closedLoop } from "../workers/worker.mjs";
import { pathOf } from "./service.mjs";

const origin = `http://127.0.0.1:${process.argv[2]}`;
/** @type {Map<number, Pool>} */
const pools = new Map();

/** @param {number} outstanding */
function poolOf(outstanding) {
  let pool = pools.get(outstanding);
  if (pool === undefined) {
    pool = new Pool(origin, { connections: outstanding, pipelining: 1, keepAliveTimeout: 600_000 });
    pools.set(outstanding, pool);
  }
  return pool;
}

answerCommands(async ({ op, outstanding, seconds, bytes }) => {
  if (op !== "rpc") throw new RangeError(`expected op "rpc", got "${op}"`);
  const pool = poolOf(outstanding);
  const body = Buffer.alloc(bytes);
  const headers = { "content-type": "application/octet-stream" };
  const path = pathOf(bytes);
  return closedLoop(outstanding, seconds, async () => {
    const reply = await pool.request({ path, method: "POST", headers, body });
    const { byteLength } = await reply.body.arrayBuffer();
    if (byteLength !== bytes) throw new Error(`a reply of ${byteLength} bytes`);
  });
});
