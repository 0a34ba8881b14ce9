// Serves the files below a folder: the request is a name in it as UTF-8 bytes ("docs/a.txt"), the reply is the file.
// Run it with `node file-server.js FOLDER [--port N]`.
//
// A block of a file is in memory once, however many clients are being sent it, and only while one of them is. The next
// block is read while the last one is on the wire. Memory for files: at most three blocks a call, and one copy of each file.
//
// What is refused, and the code of the ABORT:
//   2 ENOENT         there is no such file
//   5 EIO            the file has become shorter while it was being sent
//   13 EACCES        the name is absolute or has ".." in it, leads out of the folder, or may not be read
//   21 EISDIR        it is the name of a folder
//   22 EINVAL        no name, an empty part or ".", bad UTF-8, a zero byte; or it names no file but a pipe or a device
//   36 ENAMETOOLONG  more than 1 024 bytes, or a part of more than 255
// Whatever else the system says to an open or a read goes out as its errno; a request of more than 4 096 bytes is not read.
import { realpathSync } from "node:fs";
import { isAbsolute, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  type FileAccess,
  type FileFacts,
  RpcServer,
  type RpcServerOptions,
  RxAbort,
  type RxFile,
  type ServerCall,
  SharedChunk,
  service,
} from "rxrpc";

export const FILE_SERVICE_ID = 54;

const [EIO, EACCES, EISDIR, EINVAL, ENAMETOOLONG] = [5, 13, 21, 22, 36] as const;

export interface FileServerOptions {
  /** Where to listen, and the limits. */
  readonly server?: RpcServerOptions;
  /** Reads the next block while the last one is on the wire. Default true. */
  readonly readAhead?: boolean;
  /** Default 256 KiB: several times what a call queues ahead of its peer, so that reading and sending overlap whole. */
  readonly blockBytes?: number;
}

export interface FileServer {
  /** Takes calls already. */
  readonly server: RpcServer;
  /** What the blocks have cost so far. Each is made by one read and disposed of once. */
  readonly counters: Blocks["counters"];
}

export async function startFileServer(root: string, options: FileServerOptions = {}): Promise<FileServer> {
  const { readAhead = true, blockBytes = 256 * 1024 } = options;
  const folder = realpathSync(root);
  const blocks = new Blocks();
  const files = service({
    id: FILE_SERVICE_ID,
    name: "files",
    maxRequestBytes: 4_096,
    maxReplyBytes: Number.MAX_SAFE_INTEGER,
    deadlineMs: 3_600_000,
    call: async (call) => {
      const name = checkedName(await call.readAll());
      const [file, { identity, modifiedMs, sizeBytes }] = await openBelow(call.files, folder, name);
      const take = (at: number): Promise<SharedChunk> => {
        const key = `${identity} ${modifiedMs} ${sizeBytes} ${at}`;
        return blocks.take(key, file, at, Math.min(blockBytes, sizeBytes - at));
      };
      await sendBlocks(call, take, { sizeBytes, blockBytes, readAhead });
    },
  });
  const server = new RpcServer(options.server).add(files);
  await server.start();
  return { server, counters: blocks.counters };
}

function checkedName(request: Uint8Array): string {
  if (request.length > 1_024) throw new RxAbort(ENAMETOOLONG);
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(request);
  } catch {
    throw new RxAbort(EINVAL, "the name is not UTF-8");
  }
  const parts = name.split("/");
  if (isAbsolute(name) || parts.includes("..")) throw new RxAbort(EACCES, "the name leads out of the folder");
  const isEmpty = parts.some((part) => part === "" || part === ".");
  if (isEmpty || name.includes("\0")) throw new RxAbort(EINVAL, "an empty part or a zero byte in the name");
  if (parts.some((part) => Buffer.byteLength(part) > 255)) throw new RxAbort(ENAMETOOLONG);
  return name;
}

/** Links may be followed as long as they end up below `folder`. The call closes the file. */
async function openBelow(files: FileAccess, folder: string, name: string): Promise<[RxFile, FileFacts]> {
  const path = await files.realPath(join(folder, name));
  if (!path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) throw new RxAbort(EACCES);
  const file = await files.open(path, "r", { noFollow: true });
  const facts = await file.stat();
  // Somebody may have put a link in place of a folder on the way, between the look and the open. Then the path is not the
  // file's own any more, or not this file's. (Against somebody who puts links there and takes them away at the right moments,
  // over and over, only openat2(2) would help, which Node does not have: let no such user write below the folder.)
  const isSamePath = (await files.realPath(path)) === path;
  if (!isSamePath || (await files.stat(path)).identity !== facts.identity) throw new RxAbort(EACCES);
  if (facts.isDirectory) throw new RxAbort(EISDIR);
  if (!facts.isFile) throw new RxAbort(EINVAL, "neither a file nor a folder");
  return [file, facts];
}

async function sendBlocks(
  call: ServerCall,
  take: (at: number) => Promise<SharedChunk>,
  { sizeBytes, blockBytes, readAhead }: { sizeBytes: number; blockBytes: number; readAhead: boolean },
): Promise<void> {
  let next: Promise<SharedChunk> | null = null;
  try {
    for (let at = 0; at < sizeBytes; at += blockBytes) {
      const block: SharedChunk = await (next ?? take(at));
      next = readAhead && at + blockBytes < sizeBytes ? take(at + blockBytes) : null;
      // If it fails meanwhile, that is seen when its turn comes.
      next?.catch(() => undefined);
      const written = call.writeShared(block);
      // The call has taken references of its own, for as long as its packets need them.
      block.release();
      await written;
    }
  } catch (cause) {
    // The client has gone, and nobody waits for the block that is on its way.
    void next?.then((block) => block.release()).catch(() => undefined);
    throw cause;
  }
}

/** The blocks that are being sent to somebody, by file, state of the file and place in it. */
class Blocks {
  readonly counters = {
    blocksHeld: 0,
    blocksHeldMax: 0,
    bytesHeld: 0,
    bytesHeldMax: 0,
    reads: 0,
    disposals: 0,
  };
  readonly #used = new Map<string, { readonly chunk: SharedChunk; readonly loaded: Promise<void> }>();

  /** `length` bytes of `file` from `at` on, with a reference that the caller must release. */
  async take(key: string, file: RxFile, at: number, length: number): Promise<SharedChunk> {
    for (;;) {
      const found = this.#used.get(key);
      found?.chunk.retain();
      const { chunk, loaded } = found ?? this.#load(key, file, at, length);
      try {
        await loaded;
        return chunk;
      } catch (cause) {
        chunk.release();
        // Its reader's client may have gone: then somebody else of those who wait reads it, with a file of his own.
        if (found === undefined) throw cause;
      }
    }
  }

  #load(key: string, file: RxFile, at: number, length: number) {
    const chunk = new SharedChunk(new Uint8Array(length), () => {
      if (this.#used.get(key) === block) this.#used.delete(key);
      this.#count(-1, -length);
      this.counters.disposals++;
    });
    const read = async (): Promise<void> => {
      try {
        if ((await file.read(chunk.bytes, at)) < length) throw new RxAbort(EIO, "the file ends early");
      } catch (cause) {
        // No more may find it; the next who wants it reads again.
        this.#used.delete(key);
        throw cause;
      }
    };
    const block = { chunk, loaded: read() };
    this.#used.set(key, block);
    this.#count(1, length);
    this.counters.reads++;
    return block;
  }

  #count(blocks: number, bytes: number): void {
    const { counters } = this;
    counters.blocksHeld += blocks;
    counters.bytesHeld += bytes;
    counters.blocksHeldMax = Math.max(counters.blocksHeldMax, counters.blocksHeld);
    counters.bytesHeldMax = Math.max(counters.bytesHeldMax, counters.bytesHeld);
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const args = parseArgs({ allowPositionals: true, options: { port: { type: "string" } } });
  const root = args.positionals[0] ?? ".";
  const { server } = await startFileServer(root, { server: { port: Number(args.values.port ?? 7011) } });
  console.log(`serving ${root} on 127.0.0.1:${server.port}`);
  process.once("SIGINT", () => void server.drain());
}
