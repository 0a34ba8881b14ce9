// Text in bytes: UTF-8, where anything malformed is refused, and Latin-1, one character for each byte.

/** Below this a loop beats the call into the runtime: 22 against 99 ns at 4 bytes, 98 against 165 at 16 (Node 20). */
const LOOP_MAX = 10;
/** Arguments of one call, so that the stack holds them. */
const CHUNK = 4_096;

interface Utf8Decoder {
  decode(bytes: Uint8Array): string;
}

// The one global of the platform that is used here; floors are compiled without the platform's types.
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => Utf8Decoder;

// A byte order mark is a character like any other: dropped, it would not be written back.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const TextKind = { Ascii: 0, High: 1, HasZero: 2 } as const;

export type TextKind = (typeof TextKind)[keyof typeof TextKind];

/** What bytes[offset, offset + length) are: ASCII alone, some bytes of 128 or more, or a zero byte among them. */
export function textKind(bytes: Uint8Array, offset: number, length: number): TextKind {
  let all = 0;
  for (let i = offset; i < offset + length; i++) {
    const byte = bytes[i] as number;
    if (byte === 0) return TextKind.HasZero;
    all |= byte;
  }
  return all < 0x80 ? TextKind.Ascii : TextKind.High;
}

/** @param kind what `textKind` said; not HasZero. @returns null when the bytes are no UTF-8 */
export function getUtf8(bytes: Uint8Array, offset: number, length: number, kind: TextKind): string | null {
  if (kind === TextKind.Ascii && length <= LOOP_MAX) return getShort(bytes, offset, length);
  try {
    return decoder.decode(bytes.subarray(offset, offset + length));
  } catch {
    return null;
  }
}

/** @param kind what `textKind` said; not HasZero */
export function getLatin1(bytes: Uint8Array, offset: number, length: number, kind: TextKind): string {
  if (length <= LOOP_MAX) return getShort(bytes, offset, length);
  if (kind === TextKind.Ascii) return decoder.decode(bytes.subarray(offset, offset + length));
  let text = "";
  for (let at = offset; at < offset + length; at += CHUNK) {
    const end = Math.min(at + CHUNK, offset + length);
    text += String.fromCharCode.apply(null, bytes.subarray(at, end) as unknown as number[]);
  }
  return text;
}

function getShort(bytes: Uint8Array, offset: number, length: number): string {
  let text = "";
  for (let i = offset; i < offset + length; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}

/** Bytes of `text` in UTF-8; -1 when it has half of a surrogate pair. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      length++;
    } else if (unit < 0xd800 || unit > 0xdfff) {
      length += 2;
    } else {
      // Two units, four bytes.
      if (!isPair(unit, text.charCodeAt(++i))) return -1;
      length += 2;
    }
  }
  return length;
}

// charCodeAt() past the end is NaN, which is no second half.
function isPair(first: number, second: number): boolean {
  return first < 0xdc00 && second >= 0xdc00 && second <= 0xdfff;
}

/** Writes text of which `utf8Length` has given the bytes; the caller has made room. */
export function putUtf8(bytes: Uint8Array, offset: number, text: string): void {
  let at = offset;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      bytes[at++] = unit;
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >> 6);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      bytes[at++] = 0xe0 | (unit >> 12);
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else {
      const point = 0x1_0000 + ((unit & 0x3ff) << 10) + (text.charCodeAt(++i) & 0x3ff);
      bytes[at++] = 0xf0 | (point >> 18);
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    }
  }
}

/** Whether each character is one byte. */
export function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false;
  return true;
}

/** Writes text that `isLatin1`; the caller has made room. */
export function putLatin1(bytes: Uint8Array, offset: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[offset + i] = text.charCodeAt(i);
}
