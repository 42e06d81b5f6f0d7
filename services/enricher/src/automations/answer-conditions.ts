import { createConditions } from './cel.ts';
import { toCel } from './cel-values.ts';
import { watchUntil } from './cel-watch.ts';
import { TemplateFault } from './template.ts';

export interface JudgedAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: unknown;
}

const conditions = createConditions({ status: 'int', headers: 'map<string, string>', body: 'dyn' });

export function conditionFault(source: string): string | undefined {
  const checked = conditions.check(source);
  return 'fault' in checked ? checked.fault : undefined;
}

/** Throws a `TemplateFault` of the kind `limit` if it takes too long. */
export function holds(source: string, { status, headers, body }: JudgedAnswer, untilMs: number): boolean {
  const { watched, isLate } = watchUntil(untilMs);
  const isHolding = conditions.holds(source, { status: BigInt(status), headers, body: watched(toCel(body)) });
  if (isLate()) throw new TemplateFault('the condition', 'limit');
  return isHolding;
}
