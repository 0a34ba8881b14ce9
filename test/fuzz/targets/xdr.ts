// Types of XDR of every kind, fed bytes: the first byte of an input chooses the type. What comes out is a value that is written
// back with the same length, and with the same bytes where the type has one form for each value, or an XdrError.
import { XdrReader } from "../../../src/xdr/reader.js";
import type { XdrType } from "../../../src/xdr/type.js";
import { XdrWriter } from "../../../src/xdr/writer.js";
import * as xdr from "../../../src/xdr/xdr.js";
import { XdrError } from "../../../src/xdr/xdr-error.js";
import { INTERESTING, joined, pick, putNumber } from "../mutate.js";
import { holds, type MutationRandom, mark, type Target } from "../target.js";

const BYTES_MAX = 2_000;
const WORD = 4;

interface Tree {
  readonly value: number;
  readonly children: Tree[];
}

const tree: XdrType<Tree> = xdr.struct({
  value: xdr.int,
  children: xdr.list(
    xdr.lazy(() => tree),
    100,
  ),
});

interface Deep {
  readonly next?: Deep | undefined;
}

const deep: XdrType<Deep> = xdr.struct({ next: xdr.optional(xdr.lazy(() => deep)) });

const val = xdr.union(
  xdr.int,
  {
    1: xdr.int,
    2: xdr.string(16),
    3: xdr.opaqueVar(1_000),
    4: xdr.optional(xdr.struct({ x: xdr.int, y: xdr.int })),
  },
  xdr.void,
);

interface Subject {
  readonly name: string;
  readonly type: XdrType<unknown>;
  /** Whether each value has one form, pads aside: then it has no booleans, links, chars or numbers that are none. */
  readonly isExact: boolean;
}

function subject<T>(name: string, type: XdrType<T>, isExact: boolean): Subject {
  return { name, type, isExact };
}

const SUBJECTS: readonly Subject[] = [
  subject(
    "scalars",
    xdr.struct({
      i: xdr.int,
      u: xdr.uint,
      s: xdr.short,
      us: xdr.ushort,
      c: xdr.char,
      uc: xdr.uchar,
      b: xdr.bool,
      q: xdr.hyper,
      uq: xdr.uhyper,
      e: xdr.enumeration({ RED: 0, GREEN: 5, BLUE: 6 }),
      f: xdr.float,
      d: xdr.double,
    }),
    false,
  ),
  subject("numbers", xdr.list(xdr.struct({ n: xdr.hyperNumber, u: xdr.uhyperNumber }), 0xffff_ffff), true),
  subject("strings", xdr.list(xdr.string(0xffff_ffff), 0xffff_ffff), true),
  subject("latin1", xdr.list(xdr.latin1(20), 9), true),
  subject(
    "bytes",
    xdr.struct({ a: xdr.opaque(5), b: xdr.opaqueView(6), c: xdr.opaqueVar(9), d: xdr.opaqueVarView(400) }),
    true,
  ),
  subject("union", val, false),
  subject("kinds", xdr.list(xdr.union(xdr.bool, { true: xdr.int, false: xdr.void }), 50), false),
  subject("chain", xdr.linked(xdr.struct({ v: xdr.int }), 100), false),
  subject("tree", tree, true),
  subject("deep", deep, false),
  subject("arrays", xdr.array(xdr.list(xdr.array(xdr.ushort, 2), 3), 3), false),
];

interface Outcome {
  readonly value: unknown;
  readonly length: number;
}

function attempt(
  type: XdrType<unknown>,
  memory: Uint8Array,
  offset: number,
  end: number,
): Outcome | XdrError {
  const reader = new XdrReader().reset(memory, offset, end);
  try {
    return { value: type.read(reader), length: reader.length };
  } catch (cause) {
    if (!(cause instanceof XdrError)) throw cause;
    holds(/^value[\w.[\]]*$/.test(cause.path), `a path of ${JSON.stringify(cause.path)}`);
    holds(
      /^[\x20-\x7e]*$/.test(cause.message),
      `not one line of printable ASCII: ${JSON.stringify(cause.message)}`,
    );
    holds(cause.offset >= 0 && cause.offset <= end - offset, `byte ${cause.offset} of ${end - offset}`);
    return cause;
  }
}

/** The value as text that tells apart all that the wire does; views are read as they are now. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === "bigint") return `${part}n`;
    if (part === undefined) return "absent";
    if (part instanceof Uint8Array) return Buffer.from(part).toString("hex");
    if (typeof part === "number" && (Object.is(part, -0) || !Number.isFinite(part)))
      return `number ${1 / part} ${part}`;
    return part;
  });
}

function countParts(value: unknown): number {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return 1;
  return Object.values(value).reduce<number>((sum, part) => sum + countParts(part), 1);
}

function check(input: Uint8Array, isThorough: boolean): void {
  const { name, type, isExact } = subjectOf(input);
  const bytes = input.subarray(1);
  const outcome = attempt(type, bytes, 0, bytes.length);
  const story = outcome instanceof XdrError ? outcome.message : text(outcome.value);
  for (const fill of [0, 0xff]) {
    const memory = new Uint8Array(bytes.length + 50).fill(fill);
    memory.set(bytes, 13);
    const again = attempt(type, memory, 13, 13 + bytes.length);
    const other = again instanceof XdrError ? again.message : text(again.value);
    holds(other === story, `${name}: depends on the bytes around it: ${story} against ${other}`);
  }
  if (outcome instanceof XdrError) {
    mark(nameHash(name + outcome.expected.replaceAll(/\d+/g, "")));
    return;
  }
  checkValue(subjectOf(input), bytes, outcome);
  if (!isThorough) return;
  for (let end = 0; end < outcome.length; end++) {
    holds(
      attempt(type, bytes, 0, end) instanceof XdrError,
      `${name}: ${outcome.length} bytes are taken, ${end} as well`,
    );
  }
  holds(!isExact || outcome.length % WORD === 0, `${name}: ${outcome.length} bytes`);
}

function checkValue({ name, type, isExact }: Subject, bytes: Uint8Array, { value, length }: Outcome): void {
  mark(nameHash(`${name}: taken`));
  holds(length >= type.minBytes && length <= type.maxBytes, `${name}: ${length} bytes`);
  const parts = countParts(value);
  holds(parts <= 50 + length, `${name}: ${parts} parts from ${length} bytes`);
  // Written into memory of two fillings, exactly as long: every byte must be the writer's.
  const [a, b] = [0x33, 0xcc].map((fill) => {
    const writer = new XdrWriter().writeInto(new Uint8Array(length).fill(fill));
    type.write(writer, value);
    holds(writer.length === length, `${name}: ${length} bytes are read, ${writer.length} written`);
    return writer.copy();
  }) as [Uint8Array, Uint8Array];
  holds(Buffer.compare(a, b) === 0, `${name}: a byte is left as found`);
  const again = xdr.decode(type, a);
  holds(text(again) === text(value), `${name}: ${text(value)} comes back as ${text(again)}`);
  if (!isExact) return;
  // Only pads may differ, and these are written zero.
  for (let i = 0; i < length; i++) {
    holds(a[i] === bytes[i] || a[i] === 0, `${name}: byte ${i} is ${bytes[i]}, and written ${a[i]}`);
  }
}

function subjectOf(input: Uint8Array): Subject {
  return SUBJECTS[(input[0] ?? 0) % SUBJECTS.length] as Subject;
}

function nameHash(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash, 31) + name.charCodeAt(i);
  return hash;
}

/** One change that keeps to words: a number set, or one put in or taken out. */
function mutateWords(input: Uint8Array, random: MutationRandom): Uint8Array {
  const words = Math.floor((input.length - 1) / WORD);
  if (words < 1) return joined(input.length === 0 ? Uint8Array.of(0) : input, new Uint8Array(WORD));
  const at = 1 + WORD * random.below(words);
  switch (random.below(3)) {
    case 0:
      putNumber(input, at, WORD, random.below(2) === 0 ? random.below(8) : pick(random, INTERESTING));
      return input;
    case 1:
      return joined(input.subarray(0, at), input.subarray(at + WORD));
    default: {
      const word = new Uint8Array(WORD);
      putNumber(word, 0, WORD, random.below(8));
      return joined(input.subarray(0, at), word, input.subarray(at));
    }
  }
}

function seedOf<T>(index: number, type: XdrType<T>, value: T): Uint8Array {
  return joined(Uint8Array.of(index), xdr.encode(type, value));
}

const typeOf = (index: number): XdrType<unknown> => (SUBJECTS[index] as Subject).type;
const leaf = { value: 7, children: [] };

/** A value for each type; those of the union are the arms. */
const SEEDS: readonly (readonly [number, unknown])[] = [
  [0, { i: -2, u: 4e9, s: -3, us: 65_535, c: -128, uc: 200, b: true, q: -5n, uq: 7n, e: 5, f: 1.5, d: -0.1 }],
  [1, [{ n: -5, u: 2 ** 40 }]],
  [2, ["AFS", "", "\u20ac and more than a few \u{1f600}"]],
  [3, ["caf\u00e9", "a name of twelve"]],
  [4, { a: Uint8Array.of(1, 2, 3, 4, 5), b: new Uint8Array(6), c: Uint8Array.of(9), d: new Uint8Array(60).fill(8) }],
  [5, { kind: 1, value: 42 }],
  [5, { kind: 2, value: "xyz" }],
  [5, { kind: 3, value: Uint8Array.of(1) }],
  [5, { kind: 4, value: { x: 7, y: 8 } }],
  [5, { kind: "default", discriminant: 9 }],
  [6, [{ kind: true, value: 5 }, { kind: false }]],
  [7, [{ v: 11 }, { v: 22 }]],
  [8, { value: 1, children: [{ value: 2, children: [leaf] }, leaf] }],
  [9, { next: { next: {} } }],
  [10, [[], [[1, 2]], [[3, 4], [5, 6]]]],
]; // biome-ignore format: a table

export const XDR_TARGETS: readonly Target[] = [
  {
    name: "xdr",
    recordBytes: 1,
    bytesMax: BYTES_MAX,
    weight: 2,
    seeds: Object.fromEntries(
      SEEDS.map(([index, value], i) => [
        `${(SUBJECTS[index] as Subject).name}-${String(i).padStart(2, "0")}`,
        seedOf(index, typeOf(index), value),
      ]),
    ),
    run: check,
    describe(input) {
      const { name, type } = subjectOf(input);
      const outcome = attempt(type, input.subarray(1), 0, Math.max(0, input.length - 1));
      if (!(outcome instanceof XdrError)) return [`${name}: a value of ${outcome.length} bytes`];
      return [`${name}: ${outcome.path}: ${outcome.expected}, got ${outcome.received}`];
    },
    mutate: mutateWords,
  },
];
