// Types made at random, values of them, and a plain encoder by the text of RFC 4506 to compare with.
import fc from "fast-check";
import type { XdrType } from "../../../src/xdr/type.js";
import * as xdr from "../../../src/xdr/xdr.js";

/** A type with values of it, and what a value's bytes must be. */
export interface Case<T = unknown> {
  /** What it is, for a failing test. */
  readonly name: string;
  readonly type: XdrType<T>;
  readonly values: fc.Arbitrary<T>;
  readonly plain: (value: T) => number[];
  /** Whether any bytes that are read are written back the same, pads aside. */
  readonly isExact: boolean;
}

// Cases of all types stand side by side.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyCase = Case<any>;

function numberBytes(width: number, put: (view: DataView) => void): number[] {
  const bytes = new Uint8Array(width);
  put(new DataView(bytes.buffer));
  return [...bytes];
}

const word = (value: number): number[] => numberBytes(4, (view) => view.setUint32(0, value));
const padded = (bytes: readonly number[]): number[] => [
  ...bytes,
  ...Array.from({ length: Math.ceil(bytes.length / 4) * 4 - bytes.length }, () => 0),
];
const counted = (bytes: readonly number[]): number[] => [...word(bytes.length), ...padded(bytes)];

const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

function scalar<T>(
  name: string,
  type: XdrType<T>,
  values: fc.Arbitrary<T>,
  plain: (value: T) => number[],
  isExact = true,
): AnyCase {
  return { name, type, values, plain, isExact };
}

const SCALARS: readonly AnyCase[] = [
  scalar("int", xdr.int, int32, word),
  scalar("uint", xdr.uint, uint32, word),
  scalar("short", xdr.short, fc.integer({ min: -0x8000, max: 0x7fff }), word, false),
  scalar("ushort", xdr.ushort, fc.integer({ min: 0, max: 0xffff }), word, false),
  scalar("char", xdr.char, fc.integer({ min: -0x80, max: 0x7f }), word, false),
  scalar("uchar", xdr.uchar, fc.integer({ min: 0, max: 0xff }), word, false),
  scalar("bool", xdr.bool, fc.boolean(), (value) => word(value ? 1 : 0), false),
  scalar("enumeration", xdr.enumeration({ RED: 0, GREEN: 5, BLUE: -6 }), fc.constantFrom(0, 5, -6), word),
  scalar("hyper", xdr.hyper, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) =>
    numberBytes(8, (view) => view.setBigInt64(0, value)),
  ),
  scalar("uhyper", xdr.uhyper, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) =>
    numberBytes(8, (view) => view.setBigUint64(0, value)),
  ),
  scalar("hyperNumber", xdr.hyperNumber, fc.maxSafeInteger(), (value) =>
    numberBytes(8, (view) => view.setBigInt64(0, BigInt(value))),
  ),
  scalar("uhyperNumber", xdr.uhyperNumber, fc.maxSafeNat(), (value) =>
    numberBytes(8, (view) => view.setBigUint64(0, BigInt(value))),
  ),
  scalar(
    "float",
    xdr.float,
    fc.float(),
    (value) => numberBytes(4, (view) => view.setFloat32(0, value)),
    false,
  ),
  scalar(
    "double",
    xdr.double,
    fc.double(),
    (value) => numberBytes(8, (view) => view.setFloat64(0, value)),
    false,
  ),
];

const sizes = fc.integer({ min: 0, max: 9 });
// Lists of lists of lists of ten would be all that is tried.
const counts = fc.integer({ min: 0, max: 4 });
const bytesOf = (min: number, max: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: min, maxLength: max });

// Characters of one to four bytes; zero is none.
const codePoints = fc.oneof(
  fc.integer({ min: 1, max: 0x7f }),
  fc.integer({ min: 0x80, max: 0x7ff }),
  fc.integer({ min: 0x800, max: 0xd7ff }),
  fc.integer({ min: 0xe000, max: 0xffff }),
  fc.integer({ min: 0x1_0000, max: 0x10_ffff }),
);

export const texts = (max: number): fc.Arbitrary<string> =>
  fc.array(codePoints, { maxLength: max }).map((points) => String.fromCodePoint(...points));

const runs: fc.Arbitrary<AnyCase> = fc.oneof(
  sizes.map((n) =>
    scalar(`opaque(${n + 1})`, xdr.opaque(n + 1), bytesOf(n + 1, n + 1), (value) => padded([...value])),
  ),
  sizes.map((n) =>
    scalar(`opaqueView(${n + 1})`, xdr.opaqueView(n + 1), bytesOf(n + 1, n + 1), (value) =>
      padded([...value]),
    ),
  ),
  sizes.map((n) =>
    scalar(`opaqueVar(${n})`, xdr.opaqueVar(n), bytesOf(0, n), (value) => counted([...value])),
  ),
  sizes.map((n) =>
    scalar(`opaqueVarView(${n})`, xdr.opaqueVarView(n), bytesOf(0, n), (value) => counted([...value])),
  ),
  sizes.map((n) =>
    scalar(`string(${4 * n})`, xdr.string(4 * n), texts(n), (value) => counted([...Buffer.from(value)])),
  ),
  sizes.map((n) =>
    scalar(
      `latin1(${n})`,
      xdr.latin1(n),
      fc
        .array(fc.integer({ min: 1, max: 255 }), { maxLength: n })
        .map((codes) => String.fromCharCode(...codes)),
      (value) => counted([...Buffer.from(value, "latin1")]),
    ),
  ),
);

const FIELD_NAMES = ["a", "b", "name", "constructor", "toString", "length", "kind"];

interface Tree {
  readonly value: number;
  readonly children: Tree[];
}

const trees: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    value: int32,
    children: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constant<Tree[]>([]),
      fc.array(tie("tree"), { maxLength: 3 }),
    ),
  }),
})).tree;

export const treeType: XdrType<Tree> = xdr.struct({
  value: xdr.int,
  children: xdr.list(
    xdr.lazy(() => treeType),
    5,
  ),
});

const plainTree = ({ value, children }: Tree): number[] => [
  ...word(value),
  ...word(children.length),
  ...children.flatMap(plainTree),
];

function elements(of: AnyCase, min: number, max: number): fc.Arbitrary<unknown[]> {
  return fc.array(of.values as fc.Arbitrary<unknown>, { minLength: min, maxLength: max });
}

function structOf(fields: readonly (readonly [string, AnyCase])[]): AnyCase {
  return {
    name: `struct(${fields.map(([name, of]) => `${name}: ${of.name}`).join(", ")})`,
    type: xdr.struct(Object.fromEntries(fields.map(([name, of]) => [name, of.type]))) as XdrType<unknown>,
    values: fc.record(Object.fromEntries(fields.map(([name, of]) => [name, of.values]))),
    plain: (value) => fields.flatMap(([name, of]) => of.plain(value[name])),
    isExact: fields.every(([, of]) => of.isExact),
  };
}

function unionOf(arms: readonly AnyCase[], hasDefault: boolean): AnyCase {
  const all = new Map(arms.map((of, i) => [i * 3 - 2, of]));
  const fallback = arms[0] as AnyCase;
  const taken = fc.oneof(
    ...[...all].map(([kind, of]) => fc.record({ kind: fc.constant(kind), value: of.values })),
  );
  const others = fc.record({
    kind: fc.constant("default"),
    discriminant: int32.filter((number) => !all.has(number)),
    value: fallback.values,
  });
  const records = Object.fromEntries([...all].map(([kind, of]) => [kind, of.type as XdrType<unknown>]));
  return {
    name: `union(${arms.map(({ name }) => name).join(" | ")}${hasDefault ? " | default" : ""})`,
    type: (hasDefault
      ? xdr.union(xdr.int, records, fallback.type)
      : xdr.union(xdr.int, records)) as XdrType<unknown>,
    values: hasDefault ? fc.oneof<fc.Arbitrary<unknown>[]>(taken, others) : taken,
    plain: (value) =>
      value.kind === "default"
        ? [...word(value.discriminant), ...fallback.plain(value.value)]
        : [...word(value.kind), ...(all.get(value.kind) as AnyCase).plain(value.value)],
    isExact: arms.every((of) => of.isExact),
  };
}

/** Types of any form. */
export const cases: fc.Arbitrary<AnyCase> = fc.letrec<{ any: AnyCase }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3, depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...SCALARS),
    runs,
    fc.constant<AnyCase>({
      name: "tree",
      type: treeType,
      values: trees,
      plain: plainTree,
      isExact: true,
    }),
    fc.tuple(tie("any"), counts).map(
      ([of, n]): AnyCase => ({
        name: `array(${of.name}, ${n + 1})`,
        type: xdr.array(of.type, n + 1),
        values: elements(of, n + 1, n + 1),
        plain: (value) => (value as unknown[]).flatMap(of.plain),
        isExact: of.isExact,
      }),
    ),
    fc.tuple(tie("any"), counts).map(
      ([of, n]): AnyCase => ({
        name: `list(${of.name}, ${n})`,
        type: xdr.list(of.type, n),
        values: elements(of, 0, n),
        plain: (value) => [...word(value.length), ...(value as unknown[]).flatMap(of.plain)],
        isExact: of.isExact,
      }),
    ),
    fc.tuple(tie("any"), counts).map(
      ([of, n]): AnyCase => ({
        name: `linked(${of.name}, ${n})`,
        type: xdr.linked(of.type, n),
        values: elements(of, 0, n),
        plain: (value) => [...(value as unknown[]).flatMap((v) => [...word(1), ...of.plain(v)]), ...word(0)],
        isExact: false,
      }),
    ),
    tie("any")
      // What is undefined already cannot be optional.
      .filter(({ name }) => !name.startsWith("optional"))
      .map(
        (of): AnyCase => ({
          name: `optional(${of.name})`,
          type: xdr.optional(of.type as XdrType<NonNullable<unknown>>),
          values: fc.option(of.values, { nil: undefined }),
          plain: (value) => (value === undefined ? word(0) : [...word(1), ...of.plain(value)]),
          isExact: false,
        }),
      ),
    fc
      .uniqueArray(fc.tuple(fc.constantFrom(...FIELD_NAMES), tie("any")), {
        selector: ([name]) => name,
        minLength: 1,
        maxLength: 4,
      })
      .map(structOf),
    fc
      .tuple(fc.array(tie("any"), { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([arms, hasDefault]) => unionOf(arms, hasDefault)),
  ),
})).any;

/** A type and a value of it. */
export const caseWithValue: fc.Arbitrary<readonly [AnyCase, unknown]> = cases.chain((of) =>
  (of.values as fc.Arbitrary<unknown>).map((value) => [of, value] as const),
);
