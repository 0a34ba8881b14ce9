// A client of server.ts: parallel calls, a deadline, and an ABORT with the service's own code.
import { RxClient, RxError } from "rxrpc";

const client = await RxClient.connect({
  host: "127.0.0.1",
  port: Number(process.env["PORT"] ?? 7010),
  serviceId: 52,
});

async function shout(text: string): Promise<string> {
  const reply = await client.call(new TextEncoder().encode(text), { deadlineMs: 5_000 });
  return new TextDecoder().decode(reply);
}

console.log(await shout("hello"));
// Eight at once: four calls on each of two connections of the one socket.
const words = ["a", "b", "c", "d", "e", "f", "g", "h"];
console.log((await Promise.all(words.map(shout))).join(""));

try {
  await shout("");
} catch (cause) {
  if (!(cause instanceof RxError)) throw cause;
  console.log(`refused: ${cause.code} ${cause.abortCode}`);
}
await client.close();
