import type { HttpTemplates } from './step-templates.ts';
import type { Attempt } from './template.ts';

/** Writes one CRM record by our id, new or not, in the vendor's wire format. */
export interface Upsert<S> {
  method: 'POST' | 'PATCH';
  templates: (step: S, attempt: Attempt) => HttpTemplates;
  /** Reads a 2xx: the output, or why nothing was written. */
  read: (answer: { status: number; body: unknown }) => Upserted | { unwritten: string };
}

/** `is_new` is null if the vendor does not say. */
export interface Upserted {
  id: string | null;
  is_new: boolean | null;
}

export const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;

/** Accepts only words of a vendor's list; anything else may quote content. */
export const wordOf = (value: unknown): string =>
  typeof value === 'string' && /^[A-Z][A-Z0-9_]{1,59}$/.test(value) ? value : 'no reason';
