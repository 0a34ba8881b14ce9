// Bytes from a peer made fit for a terminal or a log line.

const BACKSLASH = 0x5c;
const QUOTE = 0x22;

/** @returns bytes[offset, end) as text: printable ASCII as it is, quote and backslash behind a backslash, the rest as `\xNN`. */
export function escapeBytes(bytes: Uint8Array, offset: number, end: number): string {
  let text = "";
  for (let at = offset; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === BACKSLASH || byte === QUOTE) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return text;
}
