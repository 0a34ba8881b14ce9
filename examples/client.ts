// A client of server.ts: a call with a deadline, parallel calls, and an ABORT with the service's own code.
import { RxClient, RxError } from "rxrpc";

const client = await RxClient.connect({
  host: "127.0.0.1",
  port: Number(process.env["PORT"] ?? 7010),
  serviceId: 53,
});

async function reverse(text: string): Promise<string> {
  const reply = await client.call(new TextEncoder().encode(text), { deadlineMs: 5_000 });
  return new TextDecoder().decode(reply);
}

console.log(await reverse("hello"));

// Eight at once: four calls on each of two connections, all over one socket.
const words = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
console.log((await Promise.all(words.map(reverse))).join(" "));

try {
  await reverse("");
} catch (cause) {
  if (!(cause instanceof RxError)) throw cause;
  console.log(`refused: ${cause.code} ${cause.abortCode}`);
}
await client.close();
