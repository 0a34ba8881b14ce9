// The long-term keys of an AFS server, as OpenAFS keeps them in KeyFile and KeyFileExt (OpenAFS src/auth/keys.c). Bytes to
// keys only; where the files are found, and who may read them, is node/key-files.ts's.
import { getInt32 } from "../util/bytes.js";
import { RxError } from "../util/errors.js";

/** Kinds of keys by their numbers in KeyFileExt. */
export const KeyType = { Rxkad: 0, Rxgk: 1, RxkadKrb5: 2 } as const;

export interface ServerKey {
  /** A KeyType, or a number that nobody knows yet. */
  readonly type: number;
  /** Key version number. */
  readonly kvno: number;
  /** Enctype of RFC 3961; 0 for rxkad. */
  readonly subtype: number;
  readonly key: Uint8Array;
}

const DES_KEY_BYTES = 8;
const KVNOS_MAX = 8;
// So many bytes of an entry of KeyFileExt are known; those that come behind them are passed over.
const FIXED_BYTES = 16;
/** Longer than the key of any enctype. */
const KEY_BYTES_MAX = 1_024;
/** Larger than any server's: the file is read as a whole. */
export const KEY_FILE_BYTES_MAX = 1_048_576;

/** Reads a file's words one after the other, and names it when there are not enough. */
class KeyReader {
  readonly #bytes: Uint8Array;
  readonly #name: string;
  #at = 0;

  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes;
    this.#name = name;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  int32(what: string): number {
    return getInt32(this.#bytes, this.#take(4, what));
  }

  /** How many entries of at least `entryBytes` follow. */
  count(entryBytes: number): number {
    const count = this.int32("the number of keys");
    if (count < 0 || count * entryBytes > this.left)
      throw this.error(`says that it has ${count} keys, and has ${this.left} bytes left for them`);
    return count;
  }

  key(length: number): Uint8Array {
    const at = this.#take(length, "a key");
    // Not slice(): that of a Buffer is a view.
    return new Uint8Array(this.#bytes.subarray(at, at + length));
  }

  skip(length: number): void {
    this.#take(length, "an entry");
  }

  error(why: string): RxError {
    return new RxError("RX_ERR_KEYS", `${this.#name} ${why}; none of the keys is used`);
  }

  #take(length: number, what: string): number {
    if (length > this.left) throw this.error(`ends within ${what}, at byte ${this.#bytes.length}`);
    const at = this.#at;
    this.#at += length;
    return at;
  }
}

/**
 * The keys of a KeyFile: DES keys of rxkad. What lies behind the last one is not looked at.
 *
 * @param name what errors call the file
 * @throws RxError `RX_ERR_KEYS` when it ends too early, or has more than eight versions
 */
export function parseKeyFile(bytes: Uint8Array, name = "KeyFile"): ServerKey[] {
  const reader = new KeyReader(bytes, name);
  const keys: ServerKey[] = [];
  for (let left = reader.count(4 + DES_KEY_BYTES); left > 0; left--) {
    const kvno = reader.int32("a key version");
    keys.push({ type: KeyType.Rxkad, kvno, subtype: 0, key: reader.key(DES_KEY_BYTES) });
  }
  if (new Set(keys.map(({ kvno }) => kvno)).size > KVNOS_MAX)
    throw reader.error(`has keys of more than ${KVNOS_MAX} versions`);
  return keys;
}

/**
 * The keys of a KeyFileExt.
 *
 * @param name what errors call the file
 * @throws RxError `RX_ERR_KEYS` when it ends too early, or an entry has impossible lengths
 */
export function parseKeyFileExt(bytes: Uint8Array, name = "KeyFileExt"): ServerKey[] {
  const reader = new KeyReader(bytes, name);
  const keys: ServerKey[] = [];
  for (let left = reader.count(FIXED_BYTES + 4); left > 0; left--) {
    const fixedBytes = reader.int32("an entry");
    if (fixedBytes < FIXED_BYTES) throw reader.error(`has an entry whose fixed part has ${fixedBytes} bytes`);
    const type = reader.int32("a key type");
    const kvno = reader.int32("a key version");
    const subtype = reader.int32("a key subtype");
    reader.skip(fixedBytes - FIXED_BYTES);
    const length = reader.int32("the length of a key");
    if (length < 1 || length > KEY_BYTES_MAX) throw reader.error(`has a key of ${length} bytes`);
    keys.push({ type, kvno, subtype, key: reader.key(length) });
  }
  return keys;
}

/** The keys that a server has, found by type, version and subtype. Of two alike the later one counts. */
export class ServerKeys {
  readonly #keys = new Map<string, ServerKey>();

  constructor(keys: Iterable<ServerKey> = []) {
    for (const key of keys) this.#keys.set(nameOf(key.type, key.kvno, key.subtype), key);
  }

  get count(): number {
    return this.#keys.size;
  }

  /** Exactly that key; undefined when there is none. No other version stands in. */
  find(type: number, kvno: number, subtype: number): ServerKey | undefined {
    return this.#keys.get(nameOf(type, kvno, subtype));
  }

  [Symbol.iterator](): IterableIterator<ServerKey> {
    return this.#keys.values();
  }

  /** Overwrites every key with zeros, and forgets it. */
  clear(): void {
    for (const { key } of this.#keys.values()) key.fill(0);
    this.#keys.clear();
  }
}

function nameOf(type: number, kvno: number, subtype: number): string {
  return `${type}/${kvno}/${subtype}`;
}
