// The PINGs of a call that may still be answered. On a path longer than the pause between two of them the newest is never the
// one whose answer comes.

/** So many of the newest are remembered: 4 s of those that go out while nothing is heard. */
const KEPT = 8;

export class PingLog {
  /** When each was sent, by its place. */
  readonly sentAt = new Float64Array(KEPT);
  readonly #serials = new Int32Array(KEPT);
  #newest = 0;
  #isUsed = false;

  /** Serial of the newest; 0 = there is none, or it has been answered. */
  get newestSerial(): number {
    return this.#serials[this.#newest] as number;
  }

  /** A PING goes out under `serial`, which is not 0, at time `now[0]`; the oldest is forgotten. */
  note(serial: number, now: Float64Array): void {
    this.#isUsed = true;
    this.#newest = (this.#newest + 1) % KEPT;
    this.#serials[this.#newest] = serial;
    this.sentAt[this.#newest] = now[0] as number;
  }

  /** The place of the PING with this serial, which is not 0; -1 when it was none of these. */
  find(serial: number): number {
    return this.#isUsed ? this.#serials.indexOf(serial) : -1;
  }

  /** The PING at `place` has been answered. */
  forget(place: number): void {
    this.#serials[place] = 0;
  }

  reset(): void {
    if (!this.#isUsed) return;
    this.#isUsed = false;
    this.#newest = 0;
    this.#serials.fill(0);
    this.sentAt.fill(0);
  }
}
