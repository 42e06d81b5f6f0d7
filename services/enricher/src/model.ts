/** Why a step failed or must be tried again: stored, logged, counted, and told to the site. */
export const FAILURE_CODES = [
  'network_error',
  'timeout',
  'rate_limited',
  'vendor_busy',
  'vendor_unavailable',
  'vendor_denied',
  'vendor_conflict',
  'vendor_refused',
  'redirected',
  'answer_too_large',
  'malformed_answer',
  'empty_answer',
  'answer_cut',
  'answer_filtered',
  'answer_refused',
  'answer_tool_call',
  'answer_unexpected',
  'template_failed',
  'approval_rejected',
  'approval_expired',
  'pii_refused',
  'result_too_large',
  'internal_error',
  'worker_lost',
  'automation_unknown',
  'vendor_unknown',
  'budget_exhausted',
  'price_unknown',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

interface Tokens {
  input: number;
  output: number;
  /** Part of `input`: read from the vendor's cache, and written to it. */
  cachedInput?: number;
  cacheWrite?: number;
}

/** `detail` is for the log and names places and vendors' codes, never content. */
interface Failed {
  code: FailureCode;
  statusCode: number | null;
  detail?: string;
}

/** docs/retries.md says what follows from each. */
export type CallOutcome =
  | { kind: 'succeeded'; sealedOutput: string; statusCode: number | null; tokens?: Tokens }
  /** Nothing was done, or it is unknown: an attempt. `maxAttempts` bounds this kind. */
  | ({ kind: 'retry'; maxAttempts?: number; isProbe?: boolean } & Failed)
  /** The vendor asks to come back, after `waitMs` if known; not an attempt. `isForAll`: applies to all runs. */
  | ({ kind: 'wait'; waitMs?: number; isForAll: boolean } & Failed)
  /** An operator must act at the vendor; not an attempt. `isCertain`: it concerns the credential, and so all runs. */
  | ({ kind: 'hold'; isCertain: boolean } & Failed)
  /** `skip`: the run goes on without it. `sealedOutput` is kept with the step. */
  | ({ kind: 'failed'; tokens?: Tokens; skip?: boolean; sealedOutput?: string } & Failed)
  /** Not made, because of a budget, a limit or the kill switch; not an attempt. */
  | ({ kind: 'parked'; delayMs: number } & Failed)
  /** The automation waits; not an attempt, and takes no slot. */
  | { kind: 'sleep'; why: WaitingFor; delayMs: number; sealedOutput?: string }
  /** Broken off at a shutdown; not an attempt. */
  | { kind: 'abandoned' };

/** `fault` if nothing, or not all, came back. */
export type Answer =
  | { kind: 'answered'; status: number; headers: Readonly<Record<string, string>>; body: string }
  | { kind: 'fault'; code: 'network_error' | 'timeout' | 'answer_too_large' | 'abandoned' };

/** In ms. */
export interface RetryRule {
  /** Per step; null: only time counts. */
  maxAttempts: number | null;
  baseMs: number;
  capMs: number;
  /** How long a step is tried, from its first call. */
  forMs: number;
  /** How long the vendor may make it wait. */
  waitMs: number;
  /** How long it is held for an operator. */
  holdMs: number;
}

/** Bounds over all replicas; null: no bound. */
export interface RateRule {
  requestsPerMinute: number | null;
  /** Of a model: input and output. */
  tokensPerMinute: number | null;
  concurrency: number | null;
}

export const RATE_LIMITS = ['requests', 'tokens', 'concurrency'] as const;
export type RateLimit = (typeof RATE_LIMITS)[number];

/** What a vendor's model accepts in a request. */
export interface Dialect {
  /** The name of the token bound; undefined for the SDK's choice. */
  boundField: 'max_tokens' | 'max_completion_tokens' | undefined;
  takesTemperature: boolean;
  /** The role of instructions, `user` as a part of the question; undefined for the SDK's choice. */
  instructions: 'system' | 'developer' | 'user' | undefined;
  /** How to ask for JSON: by a schema, by the vendor's JSON mode, or in words. */
  json: 'schema' | 'object' | 'words';
}

/** The vendor of steps that call none. The dot keeps it apart from names in files. */
export const OWN_STEPS = 'pressferry.steps';

export const outputContext = (runId: string, position: number): string => `step:${runId}:${position}`;

/** Why an automation has its run wait: for a time, or for a person. */
export const WAITING_FOR = ['delay', 'approval'] as const;
export type WaitingFor = (typeof WAITING_FOR)[number];

/** Why a vendor is not called: it asks to wait, does not answer, or refuses our credential. */
export const BLOCK_CAUSES = ['limited', 'unavailable', 'denied'] as const;
export type BlockCause = (typeof BLOCK_CAUSES)[number];
