// The public API: re-exports, no logic.
export { BACKLOG_MAX, type EndpointOptions } from "./core/config.js";
export type {
  ConnectionFacts,
  PayloadRange,
  SecurityClass,
  SecurityContext,
  SecurityVerdict,
} from "./core/security-class.js";
export type { ServiceCounters } from "./core/service.js";
export type { Arena, Releasable } from "./memory/arena.js";
export { SharedChunk } from "./memory/shared-chunk.js";
export { Vector, type VectorItems, type VectorKind } from "./memory/vector.js";
export type { FileOptions } from "./node/file-access.js";
export type { FileBackend, FileCounters } from "./node/file-queue.js";
export { readServerKeys } from "./node/key-files.js";
export { type DrainOptions, RpcServer, type RpcServerOptions } from "./node/rpc-server.js";
export { RxClient, type RxClientOptions } from "./node/rx-client.js";
export { type ConnectOptions, RxSocket } from "./node/rx-socket.js";
export type { SocketOptions } from "./node/socket-options.js";
export type { ResourceOptions } from "./node/socket-resources.js";
export type { BudgetStats, BufferStats, PoolStats, ServiceStats, SocketStats } from "./node/socket-stats.js";
export { RxAbort } from "./rpc/call-error.js";
export type { MemoryOptions } from "./rpc/call-memory.js";
export type { CallStream } from "./rpc/call-stream.js";
export type { ClientOptions, RxConnection } from "./rpc/client.js";
export type { CallOptions, ClientCall } from "./rpc/client-call.js";
export type { FileAccess, FileFacts, FileFlags, FileOpenOptions, RxFile } from "./rpc/file-access.js";
export type { GrowableStream } from "./rpc/growable-stream.js";
export type { CallNotifier, IncomingCall, Listener, ListenerOptions } from "./rpc/listener.js";
export type { ServerCall } from "./rpc/server-call.js";
export {
  type CallHandler,
  type Refusal,
  type ServiceDefinition,
  type ServiceOptions,
  service,
} from "./rpc/service-definition.js";
export {
  type RxperfCallOptions,
  RxperfRpc,
  type RxperfTarget,
  rxperfRecv,
  rxperfSend,
} from "./rxperf/client.js";
export { type RxperfOptions, rxperfService } from "./rxperf/service.js";
export { nullSecurity } from "./security/null.js";
export { KeyType, type ServerKey, ServerKeys } from "./security/server-keys.js";
export { FaultInjector } from "./transport/fault-injector.js";
export { PcapngTap, PcapngWriter } from "./transport/pcapng.js";
export type { DatagramSink, DatagramTransport, SendRoom, TransportCounters } from "./transport/transport.js";
export { RX_ERRORS, RxError, type RxErrorCode, RxOptionError } from "./util/errors.js";
export { AbortCode, abortCodeName } from "./wire/abort.js";
export { describePacket } from "./wire/describe.js";
export type { XdrCursorOptions } from "./xdr/cursor.js";
export { XdrReader } from "./xdr/reader.js";
export type { Infer, XdrType } from "./xdr/type.js";
export { XdrWriter, type XdrWriterOptions } from "./xdr/writer.js";
export * as xdr from "./xdr/xdr.js";
export { XdrError } from "./xdr/xdr-error.js";
