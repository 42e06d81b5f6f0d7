import assert from 'node:assert/strict';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { LONGEST_DELAY_MS } from '../automations/duration.ts';
import { decideDelay } from './delay.ts';

const instant = fc.integer({ min: 0, max: 4_000_000_000_000 });

property(
  'however often a waiting run is looked at, it ends at its instant: not before, and not later than a look that was asked for',
  fc.property(
    instant,
    fc.integer({ min: -10_000, max: LONGEST_DELAY_MS }),
    fc.array(fc.nat(60_000)),
    (startedAtMs, delayMs, lags) => {
      const untilMs = startedAtMs + delayMs;
      let nowMs = startedAtMs;
      for (const lagMs of [...lags, 0, 0]) {
        const decided = decideDelay({ startedAtMs, untilMs, nowMs });
        assert.notEqual(decided.kind, 'too_long');
        assert.equal(decided.kind === 'over', nowMs >= untilMs);
        if (decided.kind !== 'sleep') return;
        assert.equal(nowMs + decided.delayMs, untilMs);
        // It may come early, because clocks differ, or late, because its site was paused.
        nowMs += lagMs === 0 ? decided.delayMs : Math.min(decided.delayMs, lagMs);
      }
      assert.equal(decideDelay({ startedAtMs, untilMs, nowMs }).kind, 'over');
    },
  ),
);

property(
  'a delay beyond 30 days is refused at every look',
  fc.property(instant, fc.integer({ min: 1, max: 1e12 }), fc.nat(1e12), (startedAtMs, beyondMs, laterMs) => {
    const untilMs = startedAtMs + LONGEST_DELAY_MS + beyondMs;
    assert.equal(decideDelay({ startedAtMs, untilMs, nowMs: startedAtMs + laterMs }).kind, 'too_long');
  }),
);
