// The sizes of the rpc measurements, so that everything that is compared moves the same bytes.

/** Bytes of an rxperf RPC in each direction, as `rxperf -o rpc` counts them. */
export const PAYLOAD_BYTES = 128;
const RX_HEADER_BYTES = 28;
/** Version, opcode, two buffer sizes, two lengths (rxperf, "Request"). */
const RXPERF_HEAD_BYTES = 24;
const COOKIE_BYTES = 4;

/** The datagram that carries such a request. */
export const REQUEST_DATAGRAM_BYTES = RX_HEADER_BYTES + RXPERF_HEAD_BYTES + PAYLOAD_BYTES;
/** The datagram that carries its reply. */
export const REPLY_DATAGRAM_BYTES = RX_HEADER_BYTES + PAYLOAD_BYTES + COOKIE_BYTES;
