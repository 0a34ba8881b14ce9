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
export { type DrainOptions, RpcServer, type RpcServerOptions } from "./node/rpc-server.js";
export { RxClient, type RxClientOptions } from "./node/rx-client.js";
export { type ConnectOptions, RxSocket } from "./node/rx-socket.js";
export type { SocketOptions } from "./node/socket-options.js";
export type { PoolStats, ServiceStats, SocketStats } from "./node/socket-stats.js";
export { RxAbort } from "./rpc/call-error.js";
export type { CallStream } from "./rpc/call-stream.js";
export type { ClientOptions, RxConnection } from "./rpc/client.js";
export type { CallOptions, ClientCall } from "./rpc/client-call.js";
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
export { FaultInjector } from "./transport/fault-injector.js";
export { PcapngTap, PcapngWriter } from "./transport/pcapng.js";
export type { DatagramSink, DatagramTransport, TransportCounters } from "./transport/transport.js";
export { RX_ERRORS, RxError, type RxErrorCode, RxOptionError } from "./util/errors.js";
export { AbortCode, abortCodeName } from "./wire/abort.js";
export { describePacket } from "./wire/describe.js";
