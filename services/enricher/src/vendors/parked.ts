import type { CallOutcome } from '../model.ts';
import type { Reserved } from '../spend/spend.ts';

/** A budget may be raised at any time, so a held step is looked at again this soon. */
const HELD_MS = 15_000;
const STOPPED_MS = 2_000;

const none = { statusCode: null };

export const stopped = (): CallOutcome => ({
  ...{ kind: 'parked', code: 'budget_exhausted', delayMs: STOPPED_MS, detail: 'spending is stopped', ...none },
});

export function unpaid(reserved: Exclude<Reserved, { kind: 'reserved' }>): CallOutcome {
  if (reserved.kind === 'price_unknown')
    return { kind: 'failed', code: 'price_unknown', detail: 'a budget in money counts it: name its price', ...none };
  const { scope, name, period, onExhausted } = reserved.by;
  const failed = {
    code: 'budget_exhausted' as const,
    detail: `the ${period} budget of ${scope} ${name}`.trim(),
    ...none,
  };
  if (onExhausted === 'hold') return { kind: 'parked', delayMs: HELD_MS, ...failed };
  return { kind: 'failed', ...failed, ...(onExhausted === 'skip' ? { skip: true } : {}) };
}
