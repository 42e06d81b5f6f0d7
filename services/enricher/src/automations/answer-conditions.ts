import { createConditions } from './cel.ts';
import { toCel } from './cel-values.ts';

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

export const holds = (source: string, { status, headers, body }: JudgedAnswer): boolean =>
  conditions.holds(source, { status: BigInt(status), headers, body: toCel(body) });
