interface Segment {
  readonly fromMs: number;
  readonly share: number;
}

const MAX_SEGMENTS = 64;

/**
 * This replica's share of every limit, now and recently. A bucket is updated only when it is read, so past shares must
 * be known: tokens are earned at the share of their time.
 */
export class Shares {
  #segments: Segment[];
  #last: Segment;

  /** `fromMs`: when untouched buckets were last possibly empty; -Infinity makes them full. */
  constructor(share: number, fromMs: number) {
    this.#last = { share, fromMs };
    this.#segments = [this.#last];
  }

  get share(): number {
    return this.#last.share;
  }

  set(share: number, nowMs: number): void {
    if (share === this.#last.share) return;
    this.#last = { share, fromMs: Math.max(nowMs, this.#last.fromMs) };
    this.#segments.push(this.#last);
    // Nothing is earned in a forgotten period: see the start of `#walk`.
    if (this.#segments.length > MAX_SEGMENTS) this.#segments.shift();
  }

  /** A bucket's level, `level` at `fromMs`: filled at the share of the rate, cut to the share of the burst. */
  fill(level: number, fromMs: number, nowMs: number, ratePerMs: number, burst: number): number {
    const { share, fromMs: sinceMs } = this.#last;
    if (fromMs < sinceMs) return this.#walk(level, fromMs, nowMs, ratePerMs, burst);
    const capacity = share * burst;
    const filled = nowMs > fromMs ? level + share * ratePerMs * (nowMs - fromMs) : level;
    return Math.min(filled, capacity);
  }

  untouched(nowMs: number, ratePerMs: number, burst: number): number {
    const { share, fromMs } = this.#last;
    const capacity = share * burst;
    // The common case: filled since the last change even from empty, so no walk.
    if (share * ratePerMs * (nowMs - fromMs) >= capacity) return capacity;
    return this.#walk(0, Number.NEGATIVE_INFINITY, nowMs, ratePerMs, burst);
  }

  #walk(level: number, fromMs: number, nowMs: number, ratePerMs: number, burst: number): number {
    const first = this.#segments[0] ?? this.#last;
    let current = fromMs < first.fromMs ? Math.min(level, 0) : level;
    for (const [index, { fromMs: startMs, share }] of this.#segments.entries()) {
      const endMs = this.#segments[index + 1]?.fromMs ?? nowMs;
      const beginMs = Math.max(startMs, fromMs);
      if (endMs < beginMs) continue;
      // Zero times an endless past would be NaN.
      const earned = share === 0 || endMs === beginMs ? 0 : share * ratePerMs * (endMs - beginMs);
      current = Math.min(share * burst, current + earned);
    }
    return current;
  }
}
