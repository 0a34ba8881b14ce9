// The sizes of the rpc measurements and the service they go to, so that everything that is compared moves the same bytes.

/** Bytes of a small rxperf RPC in each direction, as `rxperf -o rpc` counts them. */
export const PAYLOAD_BYTES = 128;
export const RXPERF_SERVICE_ID = 147;

const RX_HEADER_BYTES = 28;
/** Version, opcode, two buffer sizes, two lengths (rxperf, "Request"). */
const RXPERF_HEAD_BYTES = 24;
const COOKIE_BYTES = 4;

/** How much longer than its payload the datagram of a request is, and that of a reply. */
export const REQUEST_OVERHEAD_BYTES = RX_HEADER_BYTES + RXPERF_HEAD_BYTES;
export const REPLY_OVERHEAD_BYTES = RX_HEADER_BYTES + COOKIE_BYTES;

/** The datagram that carries such a request. */
export const REQUEST_DATAGRAM_BYTES = requestDatagramBytes(PAYLOAD_BYTES);

/** @param {number} bytes payload; at most what one datagram holds */
export function requestDatagramBytes(bytes) {
  return REQUEST_OVERHEAD_BYTES + bytes;
}

/** @param {number} bytes payload; at most what one datagram holds */
export function replyDatagramBytes(bytes) {
  return REPLY_OVERHEAD_BYTES + bytes;
}
