// Raw dgram echo: answers each datagram with one as long as the reply of the rpc whose request it is as long as. As fast
// as plain Node can: no callback on send, and a lookup that does not leave the turn.
import { createSocket } from "node:dgram";
import { REPLY_OVERHEAD_BYTES, REQUEST_OVERHEAD_BYTES } from "./sizes.mjs";
import { serveUntilToldToEnd } from "./worker.mjs";

const SHORTER_BYTES = REQUEST_OVERHEAD_BYTES - REPLY_OVERHEAD_BYTES;

const socket = createSocket({
  type: "udp4",
  lookup: (host, _options, callback) => callback(null, host, 4),
  recvBufferSize: 4 << 20,
  sendBufferSize: 4 << 20,
});
socket.on("message", (message, from) => {
  socket.send(message, 0, message.length - SHORTER_BYTES, from.port, from.address);
});
socket.bind(0, "127.0.0.1", () => console.log(`listening ${socket.address().port}`));
serveUntilToldToEnd();
