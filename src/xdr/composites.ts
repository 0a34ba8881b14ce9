// Types made of other types: arrays, lists, structs, unions, optional values, and types that hold themselves.
import { RxOptionError } from "../util/errors.js";
import { integerOption } from "../util/options.js";
import type { XdrReader } from "./reader.js";
import { LENGTH_MAX } from "./scalars.js";
import type { InferArms, InferDefault, InferFields, XdrArms, XdrFields, XdrType } from "./type.js";
import type { XdrWriter } from "./writer.js";
import { kindOf } from "./xdr-error.js";

const WORD = 4;

// Elements that take no bytes would make a count without bound.
function checkElement(element: XdrType<unknown>): void {
  if (!(element.minBytes >= WORD)) {
    throw new RxOptionError("element", "a type of at least 4 bytes", element.minBytes);
  }
}

function readElements<T>(reader: XdrReader, element: XdrType<T>, count: number): T[] {
  const values: T[] = [];
  reader.enter();
  for (let i = 0; i < count; i++) {
    reader.at(i);
    values.push(element.read(reader));
  }
  reader.leave();
  return values;
}

function writeElements<T>(writer: XdrWriter, element: XdrType<T>, values: readonly T[]): void {
  writer.enter();
  for (let i = 0; i < values.length; i++) {
    writer.at(i);
    element.write(writer, values[i] as T);
  }
  writer.leave();
}

/** Exactly `length` values, without a count on the wire. */
export function array<T>(element: XdrType<T>, length: number): XdrType<T[]> {
  integerOption("length", length, 0, 0, LENGTH_MAX);
  checkElement(element);
  return {
    minBytes: length * element.minBytes,
    maxBytes: length === 0 ? 0 : length * element.maxBytes,
    read(reader) {
      reader.needElements(length, element.minBytes);
      return readElements(reader, element, length);
    },
    write(writer, values) {
      if (!Array.isArray(values)) throw writer.error(`an array of ${length}`, kindOf(values));
      if (values.length !== length) throw writer.error(`${length} elements`, `${values.length}`);
      writeElements(writer, element, values);
    },
  };
}

/** At most `max` values behind their count. */
export function list<T>(element: XdrType<T>, max: number): XdrType<T[]> {
  integerOption("max", max, 0, 0, LENGTH_MAX);
  checkElement(element);
  return {
    minBytes: WORD,
    maxBytes: max === 0 ? WORD : WORD + max * element.maxBytes,
    read: (reader) => readElements(reader, element, reader.readCount(max, element.minBytes)),
    write(writer, values) {
      if (!Array.isArray(values)) throw writer.error(`an array of at most ${max}`, kindOf(values));
      writer.writeCount(values.length, max);
      writeElements(writer, element, values);
    },
  };
}

/**
 * At most `max` values, each behind a 1, and a 0 behind the last: the chain of pointers that C makes of a struct whose last
 * field is an optional next one. It is read without recursion, whatever its length.
 */
export function linked<T>(element: XdrType<T>, max: number): XdrType<T[]> {
  integerOption("max", max, 0, 0, LENGTH_MAX);
  return {
    minBytes: WORD,
    maxBytes: max === 0 ? WORD : WORD + max * (WORD + element.maxBytes),
    read(reader) {
      const values: T[] = [];
      reader.enter();
      while (reader.readBool()) {
        reader.at(values.length);
        if (values.length === max) throw reader.error(`at most ${max} elements`, "more");
        values.push(element.read(reader));
      }
      reader.leave();
      return values;
    },
    write(writer, values) {
      if (!Array.isArray(values)) throw writer.error(`an array of at most ${max}`, kindOf(values));
      if (values.length > max) throw writer.error(`at most ${max} elements`, `${values.length}`);
      writer.enter();
      for (let i = 0; i < values.length; i++) {
        writer.at(i);
        writer.writeBool(true);
        element.write(writer, values[i] as T);
      }
      writer.leave();
      writer.writeBool(false);
    },
  };
}

/**
 * A value or undefined: `*` in the language of XDR. Any number but 0 means that it is there, as for rxgen's C. A type with
 * undefined among its values cannot be optional: what is there and what is not would look the same.
 */
export function optional<T extends NonNullable<unknown> | null>(type: XdrType<T>): XdrType<T | undefined> {
  return {
    minBytes: WORD,
    maxBytes: WORD + type.maxBytes,
    read: (reader) => (reader.readBool() ? type.read(reader) : undefined),
    write(writer, value) {
      writer.writeBool(value !== undefined);
      if (value !== undefined) type.write(writer, value);
    },
  };
}

/**
 * Fields in the order in which they are given. What is read has every field as its own; other properties of what is written
 * are not looked at.
 *
 * @throws RxOptionError for a field `__proto__`, which no literal can have, and for names of digits, whose order is lost
 */
export function struct<const F extends XdrFields>(fields: F): XdrType<InferFields<F>> {
  const names = Object.keys(fields);
  for (const name of names) {
    if (name === "__proto__" || /^\d+$/.test(name)) {
      throw new RxOptionError("fields", "names that are neither __proto__ nor digits", name);
    }
  }
  const types = Object.values(fields);
  return {
    minBytes: types.reduce((sum, type) => sum + type.minBytes, 0),
    maxBytes: types.reduce((sum, type) => sum + type.maxBytes, 0),
    read(reader) {
      const value: Record<string, unknown> = {};
      reader.enter();
      for (let i = 0; i < names.length; i++) {
        const name = names[i] as string;
        reader.at(name);
        value[name] = (types[i] as XdrType<unknown>).read(reader);
      }
      reader.leave();
      return value as InferFields<F>;
    },
    write(writer, value) {
      if (typeof value !== "object" || value === null) throw writer.error("an object", kindOf(value));
      writer.enter();
      for (let i = 0; i < names.length; i++) {
        const name = names[i] as string;
        writer.at(name);
        (types[i] as XdrType<unknown>).write(writer, (value as never)[name]);
      }
      writer.leave();
    },
  };
}

/**
 * The discriminant, then the arm that it chooses: `{ kind: 2, value: ... }`. What no arm has goes to `fallback`, whose values
 * are `{ kind: "default", discriminant: 9, value: ... }`, and is refused without one.
 *
 * @param discriminant `int`, `uint`, `bool`, an enumeration, or a shorter integer
 * @param arms by the numbers of the discriminant; for `bool`, by `true` and `false`
 * @throws RxOptionError when there is no arm, or a key is no integer of 32 bits
 */
export function union<const A extends XdrArms>(
  discriminant: XdrType<number> | XdrType<boolean>,
  arms: A,
): XdrType<InferArms<A>>;
export function union<K extends number | boolean, const A extends XdrArms, D extends XdrType<unknown>>(
  discriminant: XdrType<K>,
  arms: A,
  fallback: D,
): XdrType<InferArms<A> | InferDefault<D, K>>;
export function union(
  discriminant: XdrType<number> | XdrType<boolean>,
  arms: XdrArms,
  fallback?: XdrType<unknown>,
): XdrType<AnyArm> {
  return new UnionType(discriminant, arms, fallback);
}

interface AnyArm {
  readonly kind: unknown;
  readonly discriminant?: unknown;
  readonly value?: unknown;
}

class UnionType implements XdrType<AnyArm> {
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly #discriminant: XdrType<number | boolean>;
  readonly #arms = new Map<unknown, XdrType<unknown>>();
  readonly #fallback: XdrType<unknown> | undefined;

  constructor(
    discriminant: XdrType<number | boolean>,
    arms: XdrArms,
    fallback: XdrType<unknown> | undefined,
  ) {
    for (const [key, type] of Object.entries(arms as XdrFields)) this.#arms.set(discriminantOf(key), type);
    const all = [...this.#arms.values()];
    if (all.length === 0) throw new RxOptionError("arms", "at least one arm", arms);
    if (fallback !== undefined) all.push(fallback);
    this.#discriminant = discriminant;
    this.#fallback = fallback;
    this.minBytes = discriminant.minBytes + Math.min(...all.map((type) => type.minBytes));
    this.maxBytes = discriminant.maxBytes + Math.max(...all.map((type) => type.maxBytes));
  }

  read(reader: XdrReader): AnyArm {
    reader.enter();
    reader.at("kind");
    const chosen = this.#discriminant.read(reader);
    const arm = this.#arms.get(chosen) ?? this.#fallback;
    if (arm === undefined) throw reader.error(this.#expected(), `${chosen}`);
    reader.at("value");
    const value = arm.read(reader);
    reader.leave();
    return this.#arms.has(chosen)
      ? { kind: chosen, value }
      : { kind: "default", discriminant: chosen, value };
  }

  write(writer: XdrWriter, value: AnyArm): void {
    if (typeof value !== "object" || value === null) throw writer.error("an object", kindOf(value));
    const isDefault = value.kind === "default" && this.#fallback !== undefined;
    const chosen = isDefault ? value.discriminant : value.kind;
    writer.enter();
    writer.at(isDefault ? "discriminant" : "kind");
    const arm = isDefault ? this.#fallback : this.#arms.get(chosen);
    if (arm === undefined) throw writer.error(this.#expected(), kindOf(chosen));
    if (isDefault && this.#arms.has(chosen)) {
      throw writer.error("a value that no arm has", kindOf(chosen));
    }
    this.#discriminant.write(writer, chosen as number | boolean);
    writer.at("value");
    arm.write(writer, value.value);
    writer.leave();
  }

  #expected(): string {
    const known = [...this.#arms.keys()].join(", ");
    return this.#fallback === undefined ? `one of ${known}` : `one of ${known}, "default"`;
  }
}

function discriminantOf(key: string): number | boolean {
  if (key === "true" || key === "false") return key === "true";
  const number = Number(key);
  const isWord = number >= -0x8000_0000 && number <= LENGTH_MAX && String(Math.trunc(number)) === key;
  if (!isWord) throw new RxOptionError("arms", "keys that are integers of 32 bits", key);
  return number;
}

/**
 * A type that is defined later, for types that hold themselves. How deep values may lie within one another is the reader's
 * and the writer's `depthMax`, 32.
 *
 * ```ts
 * interface Tree { value: number; children: Tree[] }
 * const tree: XdrType<Tree> = struct({ value: int, children: list(lazy(() => tree), 10) });
 * ```
 *
 * @throws RxOptionError at the first read or write when the type takes no bytes
 */
export function lazy<T>(resolve: () => XdrType<T>): XdrType<T> {
  let resolved: XdrType<T> | undefined;
  const type = (): XdrType<T> => {
    if (resolved === undefined) {
      resolved = resolve();
      checkElement(resolved);
    }
    return resolved;
  };
  return {
    minBytes: WORD,
    maxBytes: Number.POSITIVE_INFINITY,
    read(reader) {
      reader.descend();
      const value = type().read(reader);
      reader.ascend();
      return value;
    },
    write(writer, value) {
      writer.descend();
      type().write(writer, value);
      writer.ascend();
    },
  };
}
