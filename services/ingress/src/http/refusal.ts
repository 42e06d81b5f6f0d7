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

/** Refuses by what a site or a token was found to be; what this replica cannot judge may be sent again soon. */
export const refuseSender = (code: ProblemCode): Refusal =>
  refuse(code, code === 'registry_unavailable' ? { headers: { 'retry-after': '2' } } : {});

export const isRefusal = (value: object): value is Refusal => 'refused' in value;
