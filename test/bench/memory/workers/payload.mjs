// Bytes that both ends can make for themselves, so that every one of them can be compared.

export const PIECE_BYTES = 16 * 1024;
export const DIGEST_BYTES = 32;

/**
 * Fills `piece` with what stands at place `index` of stream `seed`.
 *
 * @param {Uint8Array} piece its length a multiple of 4, at the start of its memory
 * @param {number} seed
 * @param {number} index
 */
export function fillPiece(piece, seed, index) {
  const words = new Uint32Array(piece.buffer, piece.byteOffset, piece.length >> 2);
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state;
  }
}

/**
 * @param {number} seed
 * @param {number} bytes a multiple of PIECE_BYTES
 */
export function makePayload(seed, bytes) {
  const payload = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    fillPiece(payload.subarray(at, at + PIECE_BYTES), seed, at / PIECE_BYTES);
  }
  return payload;
}

/** @param {number} ms */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
