// The native addon as TypeScript sees it: its functions, the layout of the arrays they share, and where its file is found.
// The numbers here are those of native-udp.h.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** What the addon exports. Results below zero are negative errnos; wrong arguments throw a TypeError. */
export interface NativeBinding {
  /** SHA-256 of the C sources that it was built from. */
  readonly sourceHash: string;
  /**
   * Makes, binds and watches a socket. `settings` is laid out as Open, and holds the bound address and what was granted
   * afterwards. `callback` is called once for each turn of the loop in which there is news, with the bits of PollEvent.
   *
   * @returns the number that names the socket
   */
  open(settings: Int32Array, callback: (events: number) => void): number;
  close(id: number): boolean;
  watch(id: number, wantsWritable: boolean): number;
  /** Takes datagrams into `memory`, one in each SLOT_BYTES of it. @returns how many; their entries tell the lengths */
  receive(id: number, memory: Uint8Array, entries: Int32Array): number;
  /** Takes what the network reported of earlier datagrams, with the beginning of each in QUOTE_BYTES of `quotes`. */
  readErrors(id: number, quotes: Uint8Array, entries: Int32Array): number;
  /** Sends datagrams that stand one behind the other in `bytes`. @returns how many need no further attention */
  send(id: number, bytes: Uint8Array, head: Int32Array, count: number): number;
}

export const RECEIVE_MAX = 32;
export const SEND_MAX = 64;
export const ERRORS_MAX = 32;
export const SLOT_BYTES = 65_536;
export const QUOTE_BYTES = 128;

/** Words of an address: family, four words in network order, port. */
export const AddressWord = { Family: 0, W0: 1, W1: 2, W2: 3, W3: 4, Port: 5, Count: 6 } as const;

/** An entry of a batch. A received datagram that cannot be told whole has the length -1. */
export const Entry = { Length: 0, Address: 1, Count: 8 } as const;

/** An entry of the error queue. `Origin` has the ICMP type above its low byte. */
export const ErrorEntry = { Errno: 0, Origin: 1, Length: 2, Address: 3, Count: 10 } as const;

/** In front of the entries of a batch to send; written by send(). */
export const SendHead = {
  /** Datagrams that the system refused. */
  Lost: 0,
  /** The last reason for it. */
  Errno: 1,
  /** Whether the peer of a connected socket was told to be closed. */
  Refused: 2,
  /** Whether runs of equal datagrams leave as one message, still. */
  Segments: 3,
  /** Messages that the system took: a run counts once. */
  Messages: 4,
  Count: 5,
} as const;

const PEER = AddressWord.Count;
const AFTER_PEER = PEER + AddressWord.Count;

/** The settings of open(). */
export const Open = {
  Local: 0,
  Peer: PEER,
  LocalScope: AFTER_PEER,
  PeerScope: AFTER_PEER + 1,
  HasPeer: AFTER_PEER + 2,
  Ipv6Only: AFTER_PEER + 3,
  /** Whether other sockets may share the port. */
  ReusePort: AFTER_PEER + 4,
  /** A value of IP_MTU_DISCOVER, or -1 for what the system does by itself. */
  MtuDiscover: AFTER_PEER + 5,
  RecvBytes: AFTER_PEER + 6,
  SendBytes: AFTER_PEER + 7,
  /** Whether runs of equal datagrams may leave as one segmented send. */
  Segments: AFTER_PEER + 8,
  Count: AFTER_PEER + 9,
} as const;

export const PollEvent = { Readable: 1, Writable: 2, Error: 4 } as const;

export interface LoadedBinding {
  /** Undefined when it cannot be used. */
  readonly binding: NativeBinding | undefined;
  /** Why, in a few words for people. */
  readonly reason: string;
}

let loaded: LoadedBinding | undefined;

/** Loads the addon that is prebuilt for this platform, once. Does not throw. */
export function loadBinding(): LoadedBinding {
  loaded ??= load();
  return loaded;
}

function load(): LoadedBinding {
  const name = `${process.platform}-${process.arch}`;
  // From src/ and from dist/ it is as far to the root of the package.
  const file = fileURLToPath(new URL(`../../../prebuilds/${name}/rxrpc-udp.node`, import.meta.url));
  if (!existsSync(file)) return { binding: undefined, reason: `no prebuilt file for ${name}` };
  try {
    const binding = createRequire(import.meta.url)(file) as NativeBinding;
    return { binding, reason: `prebuilt for ${name}` };
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    return { binding: undefined, reason: `the prebuilt file for ${name} does not load: ${why}` };
  }
}
