import type { Json } from './json.ts';

/** The endpoints of the simulator, by the names that behaviours and the ledger use. */
export const ENDPOINTS = ['chat', 'models', 'contacts', 'echo'] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

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
}

/** How one vendor works: its answers, and the form of its errors for a status that a behaviour asks for. */
export interface VendorEndpoint {
  method: 'GET' | 'POST';
  path: string;
  needsBearer: boolean;
  answer(call: Call): Answer;
  error(status: number, message?: string): Answer;
}

/** An answer in JSON. */
export function jsonAnswer(status: number, value: unknown, effect = false): Answer {
  return { status, headers: { 'content-type': 'application/json' }, chunks: [JSON.stringify(value)], effect };
}
