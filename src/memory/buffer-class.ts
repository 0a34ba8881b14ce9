// Who asks for a buffer, most critical first. What a call needs later comes before what it needs earlier, so that a pool full
// of beginnings cannot keep any call from its end.

/**
 * Classes of takers. A buffer goes to the first class that has somebody waiting, and within it to whoever has waited longest;
 * each class leaves a few buffers to those above it.
 */
export const BufferClass = {
  /** The last packet of a direction. ACK, ABORT and BUSY are written into fixed memory and need no buffer at all. */
  End: 0,
  /** Replies in progress, written or received. */
  Reply: 1,
  /** Our own requests: a handler may need an answer from elsewhere before it reads on. */
  OwnRequest: 2,
  /** Requests of others in progress. */
  Request: 3,
  /** The first packet of a request of others. */
  NewCall: 4,
} as const;
export type BufferClass = (typeof BufferClass)[keyof typeof BufferClass];

export const BUFFER_CLASS_COUNT = 5;
