// Streams: a request and a reply far larger than the memory for them. Every `await` follows the pace of the other side.
import { RpcServer, RxClient, service } from "rxrpc";

const MIB = 1024 * 1024;
const PIECE = new Uint8Array(64 * 1024).fill(1);

const server = new RpcServer({ port: 0 });
server.add(
  service({
    id: 52,
    async call(call) {
      // Chunks are lent until the next one: copy what you keep.
      let total = 0;
      for await (const chunk of call) total += chunk.length;
      // In Rx the reply begins when the request has ended. This one is twice as long.
      for (let at = 0; at < total * 2; at += PIECE.length) {
        // Aborts when the client goes away or the deadline passes; write() rejects then.
        call.signal.throwIfAborted();
        await call.write(PIECE.subarray(0, Math.min(PIECE.length, total * 2 - at)));
      }
    },
  }),
);
await server.start();

const client = await RxClient.connect({ host: "127.0.0.1", port: server.port, serviceId: 52 });
const call = client.open();
for (let at = 0; at < 4 * MIB; at += PIECE.length) await call.write(PIECE);
await call.end();

let received = 0;
for await (const chunk of call) received += chunk.length;
console.log(`sent ${4 * MIB} bytes, received ${received}`);
call.close();
await client.close();
await server.drain();
