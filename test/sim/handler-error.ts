// What handlers throw on purpose, so that it is told from what must not happen.

export class HandlerError extends Error {
  override readonly name = "HandlerError";
}
