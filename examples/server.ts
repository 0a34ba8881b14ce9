// A server of one service: bytes come back in reverse. Ends with SIGINT, after the calls that are under way.
import { RpcServer, RxAbort, service } from "rxrpc";

export const server = new RpcServer({ port: Number(process.env["PORT"] ?? 7010) });
const reverse = service({
  id: 53,
  name: "reverse",
  maxRequestBytes: 65_536,
  call: async (call) => {
    const request = await call.readAll();
    if (request.length === 0) throw new RxAbort(22, "nothing to reverse");
    return request.reverse();
  },
});
await server.add(reverse).start();
console.log(`listening on 127.0.0.1:${server.port}`);
process.once("SIGINT", () => void server.drain());
