import type { Json } from './json.ts';

/** The names that behaviours and the ledger use. */
export const ENDPOINTS = [
  ...(['chat', 'models', 'azure', 'azure_v1', 'messages', 'ollama', 'vllm'] as const),
  ...(['contacts', 'contact', 'salesforce', 'webhook', 'echo'] as const),
] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

export const SAYINGS = [
  ...(['refusal', 'cut', 'filtered', 'tool_call', 'nothing', 'thoughts', 'fenced', 'parts'] as const),
  ...(['off_schema', 'error'] as const),
] as const;
export type Saying = (typeof SAYINGS)[number];

/** Before any behaviour distorts it. `effect`: the call changed something at the vendor. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** The body in pieces (server-sent events come one by one). */
  chunks: string[];
  effect: boolean;
}

export interface Call {
  method: string;
  body: Json;
  headers: Record<string, string | string[] | undefined>;
  params: Record<string, string>;
  query: Record<string, string>;
  says?: Saying | undefined;
}

export interface ErrorDetail {
  message?: string | undefined;
  /** The vendor's own word: `insufficient_quota`, `DAILY`, `UNABLE_TO_LOCK_ROW`. */
  code?: string | undefined;
}

/** A vendor's answers, and its errors for a requested status. */
export interface VendorEndpoint {
  method: 'GET' | 'POST' | 'PATCH';
  path: string;
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
