// Round-trip estimate and retransmission timeout (RFC 6298), one per peer.

const RTO_INITIAL_US = 1_000_000;
// Below this an OpenAFS peer's delayed ACKs would look like loss (Linux: 200 ms as well).
const RTO_MIN_US = 200_000;
const RTO_MAX_US = 60_000_000;
// How far backing off goes beyond the path's own timeout. A call has 20 s to get through: with 30 % loss both ways some twelve
// attempts are needed for it to be safe, and doubling without end makes six.
const BACKED_OFF_MAX_US = 2_000_000;
const BACKOFF_MAX = 6;
// A sample above this says more about a suspended process than about the path.
const SAMPLE_MAX_US = 60_000_000;

/** All values in microseconds and below 2^31, so that they stay unboxed in fields. */
export class RttEstimator {
  samples = 0;
  srttUs = 0;
  rttvarUs = 0;
  minUs = 0;

  reset(): void {
    this.samples = 0;
    this.srttUs = 0;
    this.rttvarUs = 0;
    this.minUs = 0;
  }

  /** Takes one measured round trip (RFC 6298 (2.2), (2.3)). */
  addSample(measuredUs: number): void {
    const rttUs = Math.min(Math.max(measuredUs, 1), SAMPLE_MAX_US) | 0;
    if (this.samples === 0) {
      this.srttUs = rttUs;
      this.rttvarUs = rttUs >> 1;
      this.minUs = rttUs;
    } else {
      const error = rttUs - this.srttUs;
      this.rttvarUs += ((error < 0 ? -error : error) - this.rttvarUs) >> 2;
      this.srttUs += error >> 3;
      if (rttUs < this.minUs) this.minUs = rttUs;
    }
    if (this.samples < 1_000_000) this.samples++;
  }

  /** Timeout after `backoff` expiries in a row (RFC 6298 (2.1), (2.4), (5.5)). */
  rtoUs(backoff: number): number {
    const base = this.samples === 0 ? RTO_INITIAL_US : Math.max(this.srttUs + 4 * this.rttvarUs, RTO_MIN_US);
    const shift = backoff < BACKOFF_MAX ? backoff : BACKOFF_MAX;
    const rtoUs = Math.min(base * (1 << shift), Math.max(2 * base, BACKED_OFF_MAX_US));
    // An integer of 31 bits crosses a call unboxed; a product is none for all that the engine knows.
    return (rtoUs < RTO_MAX_US ? rtoUs : RTO_MAX_US) | 0;
  }
}
