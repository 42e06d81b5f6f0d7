import type { ProblemCode } from '@pressferry/contracts';
import type { Limiter, Rate, Scope } from '@pressferry/limiter';
import type { Refusal } from '../model.ts';

interface Limit<C extends ProblemCode> {
  scope: Scope;
  key: string;
  rate: Rate;
  spent: C;
  unavailable: C;
}

/** Takes a token of a key; null if there was one, else the refusal. */
export async function refuseBeyond<C extends ProblemCode>(
  limiter: Pick<Limiter, 'take'>,
  { scope, key, rate, spent, unavailable }: Limit<C>,
): Promise<(Refusal & { code: C }) | null> {
  const decision = await limiter.take(scope, key, rate);
  if (decision.allowed) return null;
  const code = decision.cause === 'spent' ? spent : unavailable;
  return { code, retryAfterSeconds: Math.ceil(decision.retryAfterMs / 1000) };
}
