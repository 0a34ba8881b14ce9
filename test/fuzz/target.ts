// What the fuzzer and the replay ask of a target, and the marks by which a target says how far an input has come.

/** Something that is fed bytes, with an oracle that says whether all went well. */
export interface Target {
  readonly name: string;
  /** Mutations, cuts and splices keep to multiples of this: 1 for plain bytes, else the size of one step. */
  readonly recordBytes: number;
  /** Longest input. */
  readonly bytesMax: number;
  /** Share of the time; what has few branches is soon at its end. */
  readonly weight: number;
  /** Where the search begins: readable names and inputs that reach deep. */
  readonly seeds: Readonly<Record<string, Uint8Array>>;
  /**
   * Runs one input; any error that comes out is a finding.
   *
   * @param isThorough asks for the costly part of the oracle as well
   */
  run(input: Uint8Array, isThorough: boolean): void | Promise<void>;
  /** One line a record, for people; written beside the bytes of a corpus entry. */
  describe(input: Uint8Array): readonly string[];
  /** A mutation that knows the format; the fuzzer mixes it with its own. */
  mutate?(input: Uint8Array, random: MutationRandom): Uint8Array;
}

/** What mutations draw from. */
export interface MutationRandom {
  below(limit: number): number;
  int32(): number;
}

const MARKS = 1 << 12;

/** One byte for each thing that targets have noted in the run under way; the fuzzer takes them for branches. */
export const marks = new Uint8Array(MARKS);

/** Notes that something was seen in this run: a state with a reason, a counter that grew. Different things may share a mark. */
export function mark(what: number): void {
  marks[(Math.imul(what, 0x9e37_79b1) >>> 20) & (MARKS - 1)] = 1;
}

/** @throws Error naming what does not hold */
export function holds(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(what);
}
