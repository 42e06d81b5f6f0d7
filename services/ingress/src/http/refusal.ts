import type { Fault, ProblemCode } from '@pressferry/contracts';

/** Why a request is not accepted; `headers` go on the answer. */
export interface Refusal {
  refused: ProblemCode;
  detail?: string;
  errors?: Fault[];
  headers?: Record<string, string>;
}

/** A refusal with nothing to add to its code. */
export const refuse = (refused: ProblemCode, more: Omit<Refusal, 'refused'> = {}): Refusal => ({ refused, ...more });

export const isRefusal = (value: object): value is Refusal => 'refused' in value;
