import type { Json } from './json.ts';

/** The endpoints of the simulator, by the names that behaviours and the ledger use. */
export const ENDPOINTS = [
  ...(['chat', 'models', 'azure', 'azure_v1', 'messages', 'ollama', 'vllm'] as const),
  ...(['contacts', 'contact', 'salesforce', 'webhook', 'echo'] as const),
] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** What a model's complete answer can be, other than the one hoped for. */
export const SAYINGS = [
  ...(['refusal', 'cut', 'filtered', 'tool_call', 'nothing', 'thoughts', 'fenced', 'parts'] as const),
  ...(['off_schema', 'error'] as const),
] as const;
export type Saying = (typeof SAYINGS)[number];

/**
 * What an endpoint answers before any behaviour distorts it. `effect` says whether the call changed something at the
 * vendor.
 */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** The body in the pieces in which it is written (server-sent events come one by one). */
  chunks: string[];
  effect: boolean;
}

/** A call as an endpoint sees it. */
export interface Call {
  method: string;
  body: Json;
  headers: Record<string, string | string[] | undefined>;
  params: Record<string, string>;
  query: Record<string, string>;
  /** What the model is to say, if it is to say something else than usual. */
  says?: Saying | undefined;
}

/** What of an error a behaviour may choose. */
export interface ErrorDetail {
  message?: string | undefined;
  /** The vendor's own word: `insufficient_quota`, `DAILY`, `UNABLE_TO_LOCK_ROW`. */
  code?: string | undefined;
}

/** How one vendor works: its answers, and the form of its errors for a status that a behaviour asks for. */
export interface VendorEndpoint {
  method: 'GET' | 'POST' | 'PATCH';
  path: string;
  /** The refusal of a call without the vendor's credential; undefined if it carries one. */
  unauthorized?(call: Call): Answer | undefined;
  answer(call: Call): Answer;
  error(status: number, detail?: ErrorDetail): Answer;
}

export function jsonAnswer(status: number, value: unknown, effect = false): Answer {
  return { status, headers: { 'content-type': 'application/json' }, chunks: [JSON.stringify(value)], effect };
}

export const withHeaders = (answer: Answer, headers: Record<string, string>): Answer => ({
  ...answer,
  headers: { ...answer.headers, ...headers },
});

export const headerOf = ({ headers }: Call, name: string): string | undefined => {
  const value = headers[name];
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
};

export const hasBearer = (call: Call): boolean => /^Bearer \S+/i.test(headerOf(call, 'authorization') ?? '');
