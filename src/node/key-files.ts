// Where the keys of an AFS server lie, and who may have access to them.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import {
  KEY_FILE_BYTES_MAX,
  parseKeyFile,
  parseKeyFileExt,
  type ServerKey,
  ServerKeys,
} from "../security/server-keys.js";
import { RxError } from "../util/errors.js";

// Bits of the mode that let anybody but the owner read or write.
const OTHERS = 0o066;

/**
 * Reads KeyFile and KeyFileExt of a server's configuration directory (Debian: /etc/openafs/server). Either may be missing.
 *
 * @throws RxError `RX_ERR_KEYS` when a file can be read or written by others than its owner, cannot be read, is damaged, or
 * when there is no key at all: a server does not run without its keys
 */
export async function readServerKeys(directory: string): Promise<ServerKeys> {
  const keys = [
    ...(await readKeys(join(directory, "KeyFile"), parseKeyFile)),
    ...(await readKeys(join(directory, "KeyFileExt"), parseKeyFileExt)),
  ];
  if (keys.length === 0) throw new RxError("RX_ERR_KEYS", `no keys in KeyFile or KeyFileExt of ${directory}`);
  return new ServerKeys(keys);
}

async function readKeys(
  path: string,
  parse: (bytes: Uint8Array, name: string) => ServerKey[],
): Promise<ServerKey[]> {
  let file: FileHandle;
  try {
    // A pipe must not keep us waiting for somebody to write into it.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw unreadable(path, cause);
  }
  try {
    const bytes = await readGuarded(file, path);
    try {
      return parse(bytes, path);
    } finally {
      bytes.fill(0);
    }
  } finally {
    await file.close();
  }
}

// What is judged is the open file, so that it cannot be another one that is read.
async function readGuarded(file: FileHandle, path: string): Promise<Uint8Array> {
  const facts = await file.stat();
  const { mode, size } = facts;
  if (!facts.isFile()) throw new RxError("RX_ERR_KEYS", `${path} is no file`);
  if (process.platform !== "win32" && (mode & OTHERS) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, "0");
    throw new RxError("RX_ERR_KEYS", `${path} has mode ${shown}: others may read or write it; make it 0600`);
  }
  if (size > KEY_FILE_BYTES_MAX)
    throw new RxError("RX_ERR_KEYS", `${path} has ${size} bytes, more than ${KEY_FILE_BYTES_MAX}`);
  try {
    return await file.readFile();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}

function unreadable(path: string, cause: unknown): RxError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RxError("RX_ERR_KEYS", `${path} cannot be read: ${why}`, { cause });
}
