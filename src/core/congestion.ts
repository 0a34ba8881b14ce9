// How many packets of a call may be in flight (RFC 5681, in packets).

// RFC 6928 allows 10; packets of 1 440 bytes.
const INITIAL_WINDOW = 10;
const WINDOW_MAX = 256;
const THRESHOLD_MIN = 2;

export class CongestionWindow {
  cwnd = INITIAL_WINDOW;
  ssthresh = WINDOW_MAX;
  /** Acknowledged packets that have not yet added up to a step of congestion avoidance. */
  credit = 0;
  /** Losses of packets below this sequence number belong to the episode already answered. */
  recoverySeq = 0;

  reset(): void {
    this.cwnd = INITIAL_WINDOW;
    this.ssthresh = WINDOW_MAX;
    this.credit = 0;
    this.recoverySeq = 0;
  }

  /** `count` packets were acknowledged while the window, not the writer, set the pace (RFC 5681 section 3.1). */
  onAcknowledged(count: number): void {
    // What one ACK has beyond the threshold counts as avoidance.
    const slowStart = Math.min(count, Math.max(this.ssthresh - this.cwnd, 0));
    this.cwnd += slowStart;
    if (slowStart === count) return;
    this.credit += count - slowStart;
    if (this.credit >= this.cwnd) {
      this.credit -= this.cwnd;
      if (this.cwnd < WINDOW_MAX) this.cwnd++;
    }
  }

  /**
   * A packet was found lost; halves once per window of data (RFC 5681 section 3.2). `flight` is what has been sent and not
   * hard-acknowledged: soft ACKs do not make it less.
   * @returns whether that begins a new episode, whose first packet is sent again whatever the window
   */
  onLoss(lostSeq: number, nextSeq: number, flight: number): boolean {
    if (lostSeq < this.recoverySeq) return false;
    this.recoverySeq = nextSeq;
    this.ssthresh = Math.max(Math.min(flight, this.cwnd) >> 1, THRESHOLD_MIN);
    this.cwnd = this.ssthresh;
    this.credit = 0;
    return true;
  }

  /** The retransmission timer expired (RFC 5681 section 3.1, equation 4). */
  onTimeout(nextSeq: number, flight: number): void {
    this.ssthresh = Math.max(Math.min(flight, this.cwnd) >> 1, THRESHOLD_MIN);
    this.cwnd = 1;
    this.credit = 0;
    this.recoverySeq = nextSeq;
  }
}
