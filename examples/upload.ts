// Takes a stream of any length and answers with its SHA-256. The bytes are taken in as they come and hashed at the handler's
// own pace; what it has not got to lies in a file without a name, within the limits of `memory`.
// Run it with `node upload.js [--port N] [--spill FOLDER]`.
//
// When the bytes cannot be kept the call ends with an ABORT: 108 the disk is full, 109 a quota is used up, 112 the disk has
// failed, 12 no memory. The calls beside it go on.
import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { RpcServer, type RpcServerOptions, service } from "rxrpc";

export const UPLOAD_SERVICE_ID = 55;

export interface UploadServerOptions {
  /** Where to listen, and the limits: `memory.spillThresholdBytes`, `memory.spillBytesPerCallMax`, `memory.spillDirectory`. */
  readonly server?: RpcServerOptions;
  /** Waited for after each chunk: how a slow handler is played. */
  readonly pause?: (chunk: Uint8Array) => Promise<void>;
}

/** @returns a server that takes calls */
export async function startUploadServer(options: UploadServerOptions = {}): Promise<RpcServer> {
  const upload = service({
    id: UPLOAD_SERVICE_ID,
    name: "upload",
    maxRequestBytes: Number.MAX_SAFE_INTEGER,
    deadlineMs: 3_600_000,
    call: async (call) => {
      const hash = createHash("sha256");
      for await (const chunk of call.buffer()) {
        hash.update(chunk);
        if (options.pause !== undefined) await options.pause(chunk);
      }
      return hash.digest();
    },
  });
  const server = new RpcServer(options.server).add(upload);
  await server.start();
  return server;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { port: { type: "string" }, spill: { type: "string" } } });
  const memory = values.spill === undefined ? {} : { spillDirectory: values.spill };
  const server = await startUploadServer({ server: { port: Number(values.port ?? 7012), memory } });
  console.log(`listening on 127.0.0.1:${server.port}`);
  process.once("SIGINT", () => void server.drain());
}
