// A server: text in, capitals out. Ends with SIGINT, after the calls that are under way.
import { RpcServer, RxAbort, service } from "rxrpc";

export const server = new RpcServer({ port: Number(process.env["PORT"] ?? 7010) });
const shout = service({
  id: 52,
  async call(call) {
    const text = new TextDecoder().decode(await call.readAll(65_536));
    if (text === "") throw new RxAbort(4_001, "nothing to shout");
    return new TextEncoder().encode(text.toUpperCase());
  },
});
server.add(shout);
await server.start();
console.log(`listening on 127.0.0.1:${server.port}`);
process.once("SIGINT", () => void server.drain());
