import assert from 'node:assert/strict';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { decideApproval } from './approve.ts';

const onTimeout = fc.constantFrom('reject' as const, 'approve' as const);
const decisions = fc.constantFrom('approved' as const, 'rejected' as const);
const instant = fc.integer({ min: 0, max: 4_000_000_000_000 });

property(
  'a decision of a person counts before and after the timeout, whatever the timeout would decide',
  fc.property(decisions, onTimeout, instant, instant, (decision, otherwise, untilMs, nowMs) => {
    assert.deepEqual(decideApproval({ decision, onTimeout: otherwise, untilMs, nowMs }), { kind: decision });
  }),
);

property(
  'without a decision a run waits exactly until its timeout, and then ends in the one way that its automation names',
  fc.property(onTimeout, instant, fc.nat(2_592_000_000), (otherwise, nowMs, leftMs) => {
    const state = decideApproval({ decision: null, onTimeout: otherwise, untilMs: nowMs + leftMs, nowMs });
    const kind = otherwise === 'approve' ? 'approved' : 'rejected';
    assert.deepEqual(state, leftMs > 0 ? { kind: 'wait', delayMs: leftMs } : { kind });
  }),
);
