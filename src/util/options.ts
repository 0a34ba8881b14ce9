// Checks of what users hand in. Wrong values are refused by name, never clamped in silence.
import { RxOptionError } from "./errors.js";

/** @throws RxOptionError unless `value` is an integer in [min, max]. Absent means `fallback`. */
export function integerOption(
  name: string,
  value: unknown,
  fallback: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw new RxOptionError(name, `an integer from ${min} to ${max}`, value);
  }
  return value;
}

/** @throws RxOptionError unless `value` is a function or, when it may be absent, undefined. */
export function functionOption<T>(name: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== "function") throw new RxOptionError(name, "a function", value);
  return value;
}

/** @throws RxOptionError when `options` is no plain record or has a key that is not in `known`: a misspelt limit must not go unseen. */
export function knownOptions(name: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new RxOptionError(name, "an object", options);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new RxOptionError(`${name}.${key}`, `one of ${known.join(", ")}`, key);
  }
}
