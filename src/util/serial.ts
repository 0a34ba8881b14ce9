// Order of wrapping 32-bit numbers (sequence numbers, serials, call numbers), as in RFC 1982.
// Values are kept signed: a number of 2^31 or more would be boxed by the engine when it is stored.

/** `a - b` on the circle of 2^32: negative when `a` is before `b`. */
export function seqDiff(a: number, b: number): number {
  return (a - b) | 0;
}
