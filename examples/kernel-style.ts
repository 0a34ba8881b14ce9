// Kernel style: calls are charged under ids of yours before they come, and two notifiers tell what becomes of them.
import { RxClient, RxSocket, type ServerCall } from "rxrpc";

const socket = await RxSocket.bind({ port: 0 });
const SPARE = 4;
let nextId = 1n;

const listener = socket.service({
  id: 52,
  // Must not wait: it takes a note, puts a new spare in place of the used one, and starts the work.
  onNewCall: (call, userId) => {
    listener.chargeAccept(nextId++);
    void answer(call, userId);
  },
  // Runs for every spare call that is left when the service stops.
  onDiscardCall: (_call, userId) => console.log(`spare ${userId} discarded`),
});

async function answer(call: ServerCall, userId: bigint): Promise<void> {
  try {
    const request = await call.readAll(65_536);
    await call.write(new TextEncoder().encode(`call ${userId} had ${request.length} bytes`));
    call.finish();
  } catch {
    // The client is gone or has sent too much.
    call.abort();
  }
}

listener.listen(SPARE);
while (nextId <= SPARE) listener.chargeAccept(nextId++);

// Usually the client is another program.
const client = await RxClient.connect({ host: "127.0.0.1", port: socket.port, serviceId: 52 });
for (const text of ["one", "three", "five"]) {
  const reply = await client.call(new TextEncoder().encode(text));
  console.log(new TextDecoder().decode(reply));
}

listener.listen(0);
await client.close();
await socket.close();
