import type { Cursor } from '../model.ts';
import { decodeCursor, START } from './cursor.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

export interface PageParameters {
  since: Cursor;
  limit: number;
}

/** Null if one is malformed or given twice. */
export function parsePage(query: Readonly<Record<string, unknown>>): PageParameters | null {
  const since = query.since === undefined || query.since === '' ? START : readCursor(query.since);
  const limit = query.limit === undefined ? DEFAULT_LIMIT : readLimit(query.limit);
  return since === null || limit === null ? null : { since, limit };
}

const readCursor = (value: unknown): Cursor | null => (typeof value === 'string' ? decodeCursor(value) : null);

function readLimit(value: unknown): number | null {
  if (typeof value !== 'string' || !/^[1-9]\d{0,2}$/.test(value)) return null;
  const limit = Number(value);
  return limit <= MAX_LIMIT ? limit : null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Lowercases a request id; null if it is not a UUID. */
export function parseRequestId(text: string): string | null {
  const id = text.toLowerCase();
  return UUID.test(id) ? id : null;
}
