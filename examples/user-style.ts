// User style: calls wait in the backlog until they are accepted under an id of yours, or rejected with a code.
import { type IncomingCall, type Listener, RxClient, RxError, RxSocket } from "rxrpc";

const NOT_TODAY = 4_001;

const socket = await RxSocket.bind({ port: 0 });
const listener = socket.service({ id: 52 });
listener.listen(8);

async function serve(calls: Listener): Promise<void> {
  let nextId = 1n;
  for await (const incoming of calls) {
    // No await here: while one call is answered, the next ones are accepted.
    void answer(incoming, nextId++);
  }
}

async function answer(incoming: IncomingCall, userId: bigint): Promise<void> {
  // Its client may have given up: accept() and reject() have nothing to answer then.
  if (incoming.isEnded) return;
  if (userId > 2n) return incoming.reject(NOT_TODAY);
  const call = incoming.accept(userId);
  try {
    const request = await call.readAll(65_536);
    await call.write(request.reverse());
    call.finish();
  } catch (cause) {
    // The client is gone, or has sent too much: a call that is not finished must be aborted, or it is never let go.
    call.abort();
    console.error(`call ${userId} has failed: ${String(cause)}`);
  }
}
const served = serve(listener);

// Usually the client is another program.
const client = await RxClient.connect({ host: "127.0.0.1", port: socket.port, serviceId: 52 });
for (const text of ["abc", "level", "more"]) {
  try {
    const reply = await client.call(new TextEncoder().encode(text));
    console.log(new TextDecoder().decode(reply));
  } catch (cause) {
    if (!(cause instanceof RxError)) throw cause;
    console.log(`rejected with ${cause.abortCode}`);
  }
}

// Ends the loop over its calls, too.
listener.close();
await served;
await client.close();
await socket.close();
