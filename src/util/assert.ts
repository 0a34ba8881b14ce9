// Assertions about our own code. They stay on in production: going on in an unknown state is worse than stopping.

/** An invariant of this library is broken: a defect of ours, never something a peer or a user did. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** @throws AssertionError when `condition` is false. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}

// Kept out of assert() so that assert() stays small enough to be inlined on the packet path.
function fail(message: string): never {
  throw new AssertionError(message);
}
