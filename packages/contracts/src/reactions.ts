import type { ProblemCode } from './problems.ts';

/**
 * What a sender does with a refused event. `correct`: it can never be accepted as it is. `hold`: site, credentials or
 * network path are refused; keep it and retry ever more rarely. `repeat`: retry soon.
 */
export type Reaction = 'correct' | 'hold' | 'repeat';

const CORRECT: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'body_not_utf8',
  'body_not_json',
  'json_too_complex',
  'json_key_repeated',
  'body_too_large',
  'envelope_invalid',
  'idempotency_key_reused',
  'data_invalid',
]);

const REPEAT_BELOW_500: readonly number[] = [408, 425, 429];
/** A proxy that repeats a request spends its token; a new token passes. */
const REPEAT: ReadonlySet<ProblemCode> = new Set<ProblemCode>(['token_replayed']);

/** Without a known code, a client repeats. */
export function reactionTo(code: ProblemCode, status: number): Reaction {
  if (CORRECT.has(code)) return 'correct';
  return status >= 500 || REPEAT_BELOW_500.includes(status) || REPEAT.has(code) ? 'repeat' : 'hold';
}
