// Reads wire scripts: text to cases, each a list of steps with their times. What a step means to an endpoint is the
// player's business; the language is described in README.md.
import {
  type ArgumentKind,
  type FieldKind,
  fieldKind,
  flagBit,
  isSetting,
  PACKETS,
  VERBS,
} from "./vocabulary.js";

/** A mistake in a script; its message begins with `file:line`. */
export class ScriptError extends Error {
  constructor(file: string, line: number, what: string) {
    super(`${file}:${line}: ${what}`);
    this.name = "ScriptError";
  }
}

export type Value =
  | { readonly kind: "number"; readonly number: number }
  /** What an earlier packet was named, and how much more. */
  | { readonly kind: "name"; readonly name: string; readonly plus: number }
  | { readonly kind: "range"; readonly first: number; readonly last: number }
  | { readonly kind: "list"; readonly numbers: readonly number[] }
  | { readonly kind: "text"; readonly text: string };

export type Relation = "=" | "!=" | ">" | "<";

export interface Field {
  readonly name: string;
  readonly relation: Relation;
  readonly value: Value;
}

export interface PacketLine {
  /** Type as it is written: `DATA`, `ACK`. */
  readonly word: string;
  /** The n-th call of the case that it belongs to; 0 = not said. */
  readonly callIndex: number;
  /** ACK reason, ABORT code, verdict or DEBUG question; null = not said. */
  readonly argument: number | null;
  readonly fields: readonly Field[];
  readonly flagsSet: number;
  readonly flagsClear: number;
}

export interface Action {
  readonly name: string;
  /** A word, or the decimal form of a number or of a time in microseconds. */
  readonly argument: string;
}

interface StepPlace {
  readonly line: number;
  readonly text: string;
  /** Time after the line before, in microseconds, and how much later it may be. */
  readonly afterUs: number;
  readonly slackUs: number;
  /** How often the step happens, each time so long after the last. */
  readonly times: number;
}

export type Step = StepPlace &
  (
    | { readonly kind: "in"; readonly packet: PacketLine; readonly hasMore: boolean }
    | { readonly kind: "out"; readonly packet: PacketLine }
    | {
        readonly kind: "do";
        readonly verb: string;
        readonly callIndex: number;
        readonly actions: readonly Action[];
      }
  );

export interface Case {
  readonly title: string;
  readonly rule: string;
  readonly line: number;
  readonly role: "server" | "client";
  readonly settings: ReadonlyMap<string, string>;
  readonly steps: readonly Step[];
}

export interface Script {
  readonly file: string;
  readonly cases: readonly Case[];
}

interface OpenCase {
  title: string;
  line: number;
  rule: string;
  role: "server" | "client" | null;
  settings: Map<string, string>;
  steps: Step[];
}

/** @throws ScriptError naming file and line */
export function parseScript(file: string, text: string): Script {
  const cases: Case[] = [];
  const titles = new Set<string>();
  let open: OpenCase | null = null;
  const fail = (line: number, what: string): never => {
    throw new ScriptError(file, line, what);
  };
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    const words = wordsOf(raw);
    const first = words[0];
    if (first === undefined) continue;
    if (first === "case") {
      if (open !== null) cases.push(closed(open, fail));
      const title = words.slice(1).join(" ");
      if (title === "") fail(line, "a case needs a title");
      if (titles.has(title)) fail(line, `there is a case "${title}" already`);
      titles.add(title);
      open = { title, line, rule: "", role: null, settings: new Map(), steps: [] };
    } else if (open === null) {
      fail(line, `"${first}" stands before the first case`);
    } else {
      parseLine(open, new LineParser(file, line, raw.trim(), words));
    }
  }
  if (open !== null) cases.push(closed(open, fail));
  if (cases.length === 0) fail(1, "there is no case");
  return { file, cases };
}

function closed(open: OpenCase, fail: (line: number, what: string) => never): Case {
  const { title, rule, line, role, settings, steps } = open;
  if (role === null) return fail(line, `case "${title}" has no endpoint`);
  if (rule === "") return fail(line, `case "${title}" cites no rule`);
  if (steps.length === 0) return fail(line, `case "${title}" has no step`);
  return { title, rule, line, role, settings, steps };
}

function parseLine(open: OpenCase, parser: LineParser): void {
  const { words } = parser;
  if (words[0] === "rule") {
    if (open.rule !== "") parser.fail("a case cites its rule once");
    open.rule = words.slice(1).join(" ");
  } else if (words[0] === "endpoint") {
    if (open.role !== null) parser.fail("a case has one endpoint");
    open.role = parser.role();
    parser.settings(open.settings);
  } else {
    if (open.role === null) parser.fail("the endpoint comes before the first step");
    open.steps.push(parser.step());
  }
}

// Words are parted by blanks; a quoted part may hold some. A # behind a blank, or at the beginning, ends the line.
function wordsOf(raw: string): string[] {
  const words: string[] = [];
  for (const [word] of raw.matchAll(/(?:"[^"]*"|[^\s"])+/g)) {
    if (word.startsWith("#")) break;
    words.push(word);
  }
  return words;
}

const TIME = /^(\d+(?:\.\d+)?)(us|ms|s|m)$/;
const TIME_UNITS: Readonly<Record<string, number>> = { us: 1, ms: 1_000, s: 1_000_000, m: 60_000_000 };

/** One line, word by word. */
class LineParser {
  readonly words: readonly string[];
  readonly #file: string;
  readonly #line: number;
  readonly #text: string;
  #next = 0;

  constructor(file: string, line: number, text: string, words: readonly string[]) {
    this.#file = file;
    this.#line = line;
    this.#text = text;
    this.words = words;
  }

  fail(what: string): never {
    throw new ScriptError(this.#file, this.#line, what);
  }

  role(): "server" | "client" {
    const role = this.words[1];
    if (role !== "server" && role !== "client") return this.fail("an endpoint is a server or a client");
    return role;
  }

  settings(into: Map<string, string>): void {
    for (const word of this.words.slice(2)) {
      const [, name, value] =
        /^(\w+)=(.+)$/.exec(word) ?? this.fail(`"${word}" is not of the form name=value`);
      if (name === undefined || value === undefined || !isSetting(name)) {
        return this.fail(`there is no setting "${name}"`);
      }
      if (into.has(name)) this.fail(`setting "${name}" is given twice`);
      into.set(name, name === "rtt" ? String(this.#time(value)) : value);
    }
  }

  step(): Step {
    const place = { line: this.#line, text: this.#text, ...this.#moment() };
    const word = this.#take() ?? this.fail("a time with nothing behind it");
    switch (word) {
      case ">":
      case ">>":
        if (place.slackUs > 0) this.fail("only what is expected may be late");
        return { ...place, kind: "in", packet: this.#packet(true), hasMore: word === ">>" };
      case "<":
        return { ...place, kind: "out", packet: this.#packet(false) };
      default:
        if (place.slackUs > 0) this.fail("only what is expected may be late");
        return { ...place, kind: "do", ...this.#deed(word) };
    }
  }

  // `+T`, `~T` or `+T~T`, and `*N` behind it; a line without one happens at once, and once.
  #moment(): { afterUs: number; slackUs: number; times: number } {
    const word = this.words[0] as string;
    if (!/^[+~]/.test(word)) return { afterUs: 0, slackUs: 0, times: 1 };
    this.#next++;
    const parts = /^(?:\+([^~*]+))?(?:~([^*]+))?(?:\*([1-9]\d*))?$/.exec(word);
    const [, after, slack, times] = parts ?? this.fail(`"${word}" is no time`);
    return {
      afterUs: after === undefined ? 0 : this.#time(after),
      slackUs: slack === undefined ? 0 : this.#time(slack),
      times: Number(times ?? 1),
    };
  }

  #take(): string | undefined {
    return this.words[this.#next++];
  }

  #time(text: string): number {
    if (text === "0") return 0;
    const [, amount, unit] = TIME.exec(text) ?? this.fail(`"${text}" is no time: 0, 5us, 100ms, 1.5s, 2m`);
    return Math.round(Number(amount) * (TIME_UNITS[unit as string] as number));
  }

  #number(text: string): number {
    const [, left, right] = /^(\d+)\*(\d+)$/.exec(text) ?? [];
    if (left !== undefined) return Number(left) * Number(right);
    if (!/^(-?\d+|0x[0-9a-f]+)$/i.test(text)) return this.fail(`"${text}" is no number`);
    return Number(text);
  }

  // `word@2` is about the second call of the case.
  #indexed(word: string): { name: string; callIndex: number } {
    const [, name, index] = /^([A-Za-z]+)(?:@([1-9]\d*))?$/.exec(word) ?? [];
    if (name === undefined) return this.fail(`there is no word "${word}"`);
    return { name, callIndex: index === undefined ? 0 : Number(index) };
  }

  #packet(isIn: boolean): PacketLine {
    const { name: word, callIndex } = this.#indexed(this.#take() ?? this.fail("a packet type is missing"));
    if (!Object.hasOwn(PACKETS, word)) this.fail(`there is no packet type "${word}"`);
    const argument = this.#packetArgument(word);
    const fields: Field[] = [];
    const flags = { set: 0, clear: 0 };
    for (let at = this.#take(); at !== undefined; at = this.#take()) {
      if (!this.#flag(word, at, flags)) fields.push(this.#field(word, at, isIn));
    }
    const names = fields.map(({ name }) => name);
    const twice = isIn ? names.find((name, i) => names.indexOf(name) !== i) : undefined;
    if (twice !== undefined) this.fail(`field "${twice}" is given twice`);
    return { word, callIndex, argument, fields, flagsSet: flags.set, flagsClear: flags.clear };
  }

  #packetArgument(word: string): number | null {
    const known = PACKETS[word]?.argument ?? null;
    const text = this.words[this.#next];
    if (known === null || text === undefined) return null;
    if (known === "number") {
      if (!/^-?\d+$/.test(text)) return null;
      this.#next++;
      return Number(text);
    }
    if (!Object.hasOwn(known, text)) {
      if (/^[A-Z]/.test(text)) this.fail(`${word} has no "${text}": ${Object.keys(known).join(", ")}`);
      return null;
    }
    this.#next++;
    return known[text] as number;
  }

  #flag(packet: string, word: string, flags: { set: number; clear: number }): boolean {
    const isClear = word.startsWith("!");
    const bit = flagBit(packet, isClear ? word.slice(1) : word);
    if (isClear) flags.clear |= bit;
    else flags.set |= bit;
    return bit !== 0;
  }

  #field(packet: string, word: string, isIn: boolean): Field {
    const [, name, relation, text] = /^([a-z]+)(!=|=|>|<)(.+)$/.exec(word) ?? [];
    if (name === undefined || text === undefined) return this.fail(`there is no flag "${word}"`);
    const kind = fieldKind(packet, name);
    if (kind === undefined) return this.fail(`${packet} has no field "${name}"`);
    if (name === (isIn ? "to" : "from")) this.fail(`"${name}" is for packets of the other direction`);
    if (relation !== "=" && (isIn || name === "as")) this.fail(`"${word}": only = is possible here`);
    if (relation !== "=" && relation !== "!=" && kind !== "number") this.fail(`"${word}": no order there`);
    return { name, relation: relation as Relation, value: this.#value(kind, text) };
  }

  #value(kind: FieldKind, text: string): Value {
    switch (kind) {
      case "text":
      case "address":
        return { kind: "text", text: text.replace(/^"(.*)"$/, "$1") };
      case "list":
        return { kind: "list", numbers: this.#list(text) };
      case "range": {
        const [, first, last] = /^(\d+)\.\.(\d+)$/.exec(text) ?? [];
        if (first === undefined) return this.#value("number", text);
        if (Number(first) >= Number(last)) this.fail(`"${text}" is no range`);
        return { kind: "range", first: Number(first), last: Number(last) };
      }
      case "number": {
        const [, name, plus] = /^\$(\w+)(?:\+(\d+))?$/.exec(text) ?? [];
        if (name !== undefined) return { kind: "name", name, plus: Number(plus ?? 0) };
        return { kind: "number", number: this.#number(text) };
      }
    }
  }

  #list(text: string): number[] {
    if (text === "none") return [];
    const numbers: number[] = [];
    for (const part of text.split(",")) {
      const [, first, last] =
        /^(\d+)(?:-(\d+))?$/.exec(part) ?? this.fail(`"${text}" is no list: 1-4,6 or none`);
      for (let n = Number(first); n <= Number(last ?? first); n++) {
        if (n <= (numbers.at(-1) ?? -1)) this.fail(`"${text}" does not go up`);
        numbers.push(n);
      }
    }
    return numbers;
  }

  #deed(word: string): { verb: string; callIndex: number; actions: Action[] } {
    const { name: verb, callIndex } = this.#indexed(word);
    const known = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    if (known === undefined) return this.fail(`there is no verb "${verb}"`);
    if (callIndex > 0 && verb !== "call") this.fail(`"${word}": only packets and "call" take a number`);
    const actions: Action[] = [];
    for (let name = this.#take(); name !== undefined; name = this.#take()) {
      const kind = Object.hasOwn(known, name) ? known[name] : undefined;
      if (kind === undefined) return this.fail(`"${verb}" has no action "${name}"`);
      actions.push({ name, argument: this.#actionArgument(name, kind) });
    }
    if (actions.length === 0 && Object.keys(known).length > 0) this.fail(`"${verb}" does nothing`);
    return { verb, callIndex, actions };
  }

  #actionArgument(name: string, kind: ArgumentKind): string {
    if (kind === "none") return "";
    const text = this.#take() ?? this.fail(`"${name}" needs something behind it`);
    if (kind === "time") return String(this.#time(text));
    if (kind === "number" || (kind === "amount" && text !== "all")) return String(this.#number(text));
    if (kind !== "amount" && !kind.includes(text)) this.fail(`"${name}" knows no "${text}"`);
    return text;
  }
}
