// What a type of XDR is, and the TypeScript type of its values.
import type { XdrReader } from "./reader.js";
import type { XdrWriter } from "./writer.js";

/** A type of XDR with values of `T`. Whoever writes one by hand keeps to minBytes: counts are checked against it. */
export interface XdrType<T> {
  /** The least that a value takes, in bytes: a lower bound, exact but for recursive types. */
  readonly minBytes: number;
  /** The most that a value takes, in bytes; Infinity where a recursive type says nothing. */
  readonly maxBytes: number;
  /** @throws XdrError when the bytes are no value of the type */
  read(reader: XdrReader): T;
  /** @throws XdrError when the value does not fit the type; part of it has been written then */
  write(writer: XdrWriter, value: T): void;
}

/** The values of a type: `Infer<typeof request>`. */
export type Infer<X> = X extends XdrType<infer T> ? T : never;

/** Fields by name, in the order of the wire. */
export type XdrFields = Readonly<Record<string, XdrType<unknown>>>;

type FieldsThatMayMiss<F extends XdrFields> = {
  [K in keyof F]: undefined extends Infer<F[K]> ? K : never;
}[keyof F];

/** The values of a struct: a field that may be undefined may be left out as well. */
export type InferFields<F extends XdrFields> = Flat<
  { -readonly [K in Exclude<keyof F, FieldsThatMayMiss<F>>]: Infer<F[K]> } & {
    -readonly [K in FieldsThatMayMiss<F>]?: Infer<F[K]>;
  }
>;

/** The types of a union's arms by the number, or `true` and `false`, that chooses them. */
export interface XdrArms {
  readonly [number: number]: XdrType<unknown>;
  readonly true?: XdrType<unknown>;
  readonly false?: XdrType<unknown>;
}

type KindOf<K> = K extends "true" ? true : K extends "false" ? false : K;

type Arm<Kind, T> = undefined extends T ? { kind: Kind; value?: T } : { kind: Kind; value: T };

/** The values of a union: `kind` says which arm, `value` is the arm's. */
export type InferArms<A> = { [K in keyof A]: Arm<KindOf<K>, Infer<A[K]>> }[keyof A];

/** A value of a union's default arm; `discriminant` is what was on the wire. */
export type InferDefault<D, K> = D extends XdrType<infer T> ? Arm<"default", T> & { discriminant: K } : never;

type Flat<T> = { [K in keyof T]: T[K] };
