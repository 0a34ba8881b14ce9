// What the core is handed instead of randomness of its own, so that one seed gives one run.

/** Random numbers. For a server that strangers can reach they must come from a cryptographic source. */
export interface RandomSource {
  /** 32 random bits, as a signed number. */
  int32(): number;
}
