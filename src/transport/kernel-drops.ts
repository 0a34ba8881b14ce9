// What the kernel dropped at a UDP socket before the process saw it: the last column of /proc/net/udp (Linux).
import { readFile } from "node:fs/promises";
import { endianness } from "node:os";
import type { Address } from "../util/address.js";

const TABLES = ["/proc/net/udp", "/proc/net/udp6"] as const;

// Fields of a line, counted from 0: sl, local_address, rem_address, ... pointer, drops.
const LOCAL_FIELD = 1;
const FIELDS_MIN = 13;

/**
 * Datagrams dropped at the sockets bound to exactly this local address, since they were bound.
 *
 * @param local the address as bound, as in DatagramTransport.local
 * @returns undefined where there is no such table or no such socket in it
 */
export async function readKernelDrops(local: Address): Promise<number | undefined> {
  let total: number | undefined;
  for (const table of TABLES) {
    const drops = parseKernelDrops(await readTable(table), local);
    if (drops !== undefined) total = (total ?? 0) + drops;
  }
  return total;
}

/** The same from the text of one table. */
export function parseKernelDrops(text: string, local: Address): number | undefined {
  const wanted = localFields(local);
  let total: number | undefined;
  for (const line of text.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields.length < FIELDS_MIN || !wanted.includes(fields[LOCAL_FIELD] ?? "")) continue;
    const drops = Number(fields.at(-1));
    if (Number.isSafeInteger(drops)) total = (total ?? 0) + drops;
  }
  return total;
}

async function readTable(path: string): Promise<string> {
  try {
    return await readFile(path, "latin1");
  } catch {
    // Not Linux, or no IPv6: there is nothing to know then.
    return "";
  }
}

// An IPv4 address may stand in the second table too, as its mapped form.
function localFields(local: Address): string[] {
  const port = `:${local.port.toString(16).toUpperCase().padStart(4, "0")}`;
  if (local.family === 6) return [hexWords(local.w0, local.w1, local.w2, local.w3) + port];
  return [hexWords(local.w3) + port, hexWords(0, 0, 0xffff, local.w3) + port];
}

// The kernel prints each word of the address as a number of its own byte order.
function hexWords(...words: number[]): string {
  return words.map((word) => hexWord(endianness() === "LE" ? swapped(word) : word)).join("");
}

function swapped(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

function hexWord(word: number): string {
  return (word >>> 0).toString(16).toUpperCase().padStart(8, "0");
}
