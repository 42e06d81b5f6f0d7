import type { HttpTemplates } from './step-templates.ts';
import type { Attempt } from './template.ts';

/** A kind of step that writes one record of a CRM by an id that we give, whether it exists or not: in the vendor's own wire format. */
export interface Upsert<S> {
  method: 'POST' | 'PATCH';
  templates: (step: S, attempt: Attempt) => HttpTemplates;
  /** What a 2xx says: the output, or why nothing was written. */
  read: (answer: { status: number; body: unknown }) => Upserted | { unwritten: string };
}

/** `is_new` is null if the vendor does not say. */
export interface Upserted {
  id: string | null;
  is_new: boolean | null;
}

/** A member of a body, if there is one. */
export const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;

/** A vendor's word for its fault, which is one of a list; anything else may quote content. */
export const wordOf = (value: unknown): string =>
  typeof value === 'string' && /^[A-Z][A-Z0-9_]{1,59}$/.test(value) ? value : 'no reason';
