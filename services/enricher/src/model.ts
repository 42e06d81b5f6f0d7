/** Why a step failed or has to be tried again: stored, logged, counted, and told to the site; a closed list. */
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
  /** Of the input: taken from the vendor's cache, and written to it. */
  cachedInput?: number;
  cacheWrite?: number;
}

/** What every outcome but a success tells: `detail` says more in the log, and names places and vendors' codes, never content. */
interface Failed {
  code: FailureCode;
  statusCode: number | null;
  detail?: string;
}

/** What a vendor call came to; what follows from each is in docs/retries.md. */
export type CallOutcome =
  | { kind: 'succeeded'; sealedOutput: string; statusCode: number | null; tokens?: Tokens }
  /** Nothing was done, or no one knows: an attempt. At most `maxAttempts` of this kind, if it is given. */
  | ({ kind: 'retry'; maxAttempts?: number; isProbe?: boolean } & Failed)
  /** The vendor asks to come back, in `waitMs` if it says when; no attempt. `isForAll`: it asks all runs, not this one alone. */
  | ({ kind: 'wait'; waitMs?: number; isForAll: boolean } & Failed)
  /** The operator's to fix at the vendor; no attempt. `isCertain`: it is about the credential, and so about all runs. */
  | ({ kind: 'hold'; isCertain: boolean } & Failed)
  /** `skip`: its run goes on without it. `sealedOutput` is kept with the step. */
  | ({ kind: 'failed'; tokens?: Tokens; skip?: boolean; sealedOutput?: string } & Failed)
  /** Not made, for want of a budget or of room under a limit, or because spending is stopped: looked at again in `delayMs`; no attempt. */
  | ({ kind: 'parked'; delayMs: number } & Failed)
  /** The automation has its run wait; no attempt, and no slot. */
  | { kind: 'sleep'; why: WaitingFor; delayMs: number; sealedOutput?: string }
  /** Given up by us, at a shutdown: no attempt. */
  | { kind: 'abandoned' };

/** What came back over the wire; `fault` if nothing, or not all, did. */
export type Answer =
  | { kind: 'answered'; status: number; headers: Readonly<Record<string, string>>; body: string }
  | { kind: 'fault'; code: 'network_error' | 'timeout' | 'answer_too_large' | 'abandoned' };

/** How a vendor's failed calls are repeated, and for how long; in ms. */
export interface RetryRule {
  /** The most attempts at one step; null: time alone counts. */
  maxAttempts: number | null;
  baseMs: number;
  capMs: number;
  /** How long a step is tried, from its first call. */
  forMs: number;
  /** How long it may wait because the vendor asks for it. */
  waitMs: number;
  /** How long it is held for an operator. */
  holdMs: number;
}

/** The most that all replicas together may ask of a vendor; null: no limit of this kind. */
export interface RateRule {
  requestsPerMinute: number | null;
  /** Of a model: input and output. */
  tokensPerMinute: number | null;
  concurrency: number | null;
}

export const RATE_LIMITS = ['requests', 'tokens', 'concurrency'] as const;
export type RateLimit = (typeof RATE_LIMITS)[number];

/** How a model of a vendor wants to be asked. */
export interface Dialect {
  /** The name under which it takes the bound of tokens; undefined for the SDK's choice. */
  boundField: 'max_tokens' | 'max_completion_tokens' | undefined;
  takesTemperature: boolean;
  /** Under which role it takes instructions, `user` as a part of the question; undefined for the SDK's choice. */
  instructions: 'system' | 'developer' | 'user' | undefined;
  /** How it is asked for JSON: by a schema, by the vendor's JSON mode, or in words alone. */
  json: 'schema' | 'object' | 'words';
}

/** Stands for a vendor in steps that call none. The dot keeps it apart from the names that a file may give. */
export const OWN_STEPS = 'pressferry.steps';

/** What a step's output is sealed for: it opens at no other place. */
export const outputContext = (runId: string, position: number): string => `step:${runId}:${position}`;

/** Why a run waits by its own automation: for a time, or for a person. */
export const WAITING_FOR = ['delay', 'approval'] as const;
export type WaitingFor = (typeof WAITING_FOR)[number];

/** Why a vendor is given nothing: it asks us to wait, it does not answer, or it refuses our credential, which an operator mends. */
export const BLOCK_CAUSES = ['limited', 'unavailable', 'denied'] as const;
export type BlockCause = (typeof BLOCK_CAUSES)[number];
