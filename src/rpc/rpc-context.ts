// What the promise floor needs of the edge that holds the socket.
import type { Endpoint } from "../core/endpoint.js";
import type { EventCache } from "../loop/event-cache.js";
import type { CallMemory } from "./call-memory.js";
import type { FileSystem } from "./file-access.js";

export interface RpcContext {
  readonly endpoint: Endpoint;
  readonly events: EventCache;
  /** Accounts of what calls hold besides packet buffers. */
  readonly memory: CallMemory;
  readonly files: FileSystem;
  /** Tells the endpoint the time; before commands that come from outside the loop's own turn. */
  advance(): void;
  /** A handler or notifier of the user's has failed in a way that no caller sees. */
  reportFault(cause: unknown, where: string): void;
  /** A user id that is not in use: for services that do not choose their own. */
  nextUserId(): bigint;
}
