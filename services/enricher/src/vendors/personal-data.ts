import { isDeepStrictEqual } from 'node:util';
import { maskValue } from '@pressferry/masking';
import type { StepDefinition } from '../automations/schema.ts';

/** What is sent of a rendered value under a step's `pii`; null if the step does not want it sent. */
export function withPersonalData<T>(pii: StepDefinition['pii'], value: T): { value: T } | null {
  if (pii === 'allow') return { value };
  const masked = maskValue(value) as T;
  return pii === 'mask' || isDeepStrictEqual(masked, value) ? { value: masked } : null;
}
