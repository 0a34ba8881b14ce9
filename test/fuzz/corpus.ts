// Corpus entries on disk: hexadecimal text, one record a line, with a comment that says what it means.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Target } from "./target.js";

const CORPUS = fileURLToPath(new URL("corpus/", import.meta.url));
const CRASHES = fileURLToPath(new URL("crashes/", import.meta.url));
const PLAIN_LINE_BYTES = 28;

/** An input under its name. */
export interface Entry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The entries of a target, by name; none when it has no folder yet. */
export function readCorpus(target: Target): Entry[] {
  return listFolder(`${CORPUS}${target.name}`);
}

function listFolder(folder: string): Entry[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith(".txt"))
    .toSorted()
    .map((name) => ({
      name: name.slice(0, -4),
      bytes: parseEntry(readFileSync(`${folder}/${name}`, "utf8")),
    }));
}

/** @throws Error when a line holds anything but pairs of hexadecimal digits */
export function parseEntry(text: string): Uint8Array {
  const digits = text
    .split("\n")
    .map((line) => line.replace(/#.*$/, "").replace(/\s/g, ""))
    .join("");
  if (!/^([0-9a-f]{2})*$/.test(digits))
    throw new Error("a corpus entry is pairs of hexadecimal digits and comments");
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

/** The text of an entry. */
export function formatEntry(target: Target, bytes: Uint8Array): string {
  const words = target.describe(bytes);
  const isRecords = target.recordBytes > 1;
  const step = isRecords ? target.recordBytes : PLAIN_LINE_BYTES;
  const lines = isRecords ? [] : words.map((line) => `# ${line}`);
  for (let at = 0; at < bytes.length; at += step) {
    const hex = Buffer.from(bytes.subarray(at, at + step)).toString("hex");
    lines.push(isRecords ? `${hex}  # ${words[at / step] ?? ""}` : hex);
  }
  return `${lines.join("\n")}\n`;
}

/** Keeps an entry for good. @returns its path */
export function writeCorpusEntry(target: Target, entry: Entry): string {
  return writeEntry(`${CORPUS}${target.name}`, target, entry);
}

/** Removes an entry that others have made needless. */
export function removeCorpusEntry(target: Target, name: string): void {
  rmSync(`${CORPUS}${target.name}/${name}.txt`, { force: true });
}

/** Keeps an input that broke something. @returns its path */
export function writeCrash(target: Target, entry: Entry): string {
  return writeEntry(`${CRASHES}${target.name}`, target, entry);
}

function writeEntry(folder: string, target: Target, entry: Entry): string {
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/${entry.name}.txt`;
  writeFileSync(path, formatEntry(target, entry.bytes));
  return path;
}
