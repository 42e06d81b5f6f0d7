import type { Endpoint } from './endpoints.ts';
import type { Json } from './json.ts';

const MAX_ENTRIES = 5_000;
const MAX_KEYS = 200_000;
const MAX_BODY_CHARACTERS = 16_384;

/** How a call ended, as the vendor sees it. `abandoned`: the caller went away while it waited. */
export type CallOutcome =
  | 'answered'
  | 'replayed'
  | 'refused'
  | 'unauthorized'
  | 'failed'
  | 'hung'
  | 'cut_before_headers'
  | 'cut_mid_body'
  | 'malformed'
  | 'abandoned';

/** One call that the simulator received. The value of its Authorization header is never kept. */
export interface LedgerEntry {
  endpoint: Endpoint;
  idempotencyKey: string | null;
  traceparent: string | null;
  receivedAt: string;
  outcome: CallOutcome;
  status: number | null;
  effect: boolean;
  authorizationPresent: boolean;
  body: Json;
}

/**
 * What `GET /_sim/ledger` answers. Counts go on after old entries were dropped; with a filter they count the kept
 * entries.
 */
export interface LedgerView {
  calls: number;
  effects: number;
  /** How many (endpoint, idempotency key) pairs had more than one effect: exactly-once means 0. */
  keysWithRepeatedEffects: number;
  dropped: number;
  entries: LedgerEntry[];
}

/** Which entries to show. */
export interface LedgerFilter {
  idempotencyKey?: string | undefined;
  endpoint?: string | undefined;
  /** The newest so many entries (default all that are kept); counts are not affected. */
  limit?: number | undefined;
}

/** A bounded record of calls. */
export interface Ledger {
  add(entry: LedgerEntry): void;
  view(filter?: LedgerFilter): LedgerView;
  reset(): void;
}

/** An empty ledger; it keeps the newest 5,000 calls, bodies up to 16,384 characters. */
export function createLedger(): Ledger {
  let entries: LedgerEntry[] = [];
  let [calls, effects, dropped] = [0, 0, 0];
  const effectsByKey = new Map<string, number>();
  return {
    add(entry) {
      calls++;
      if (entry.effect) {
        effects++;
        countKey(effectsByKey, entry);
      }
      entries.push({ ...entry, body: bounded(entry.body) });
      if (entries.length > MAX_ENTRIES * 1.2) {
        dropped += entries.length - MAX_ENTRIES;
        entries = entries.slice(-MAX_ENTRIES);
      }
    },
    view({ idempotencyKey, endpoint, limit } = {}) {
      const isFiltered = idempotencyKey !== undefined || endpoint !== undefined;
      const found = entries.filter(
        (entry) =>
          (idempotencyKey === undefined || entry.idempotencyKey === idempotencyKey) &&
          (endpoint === undefined || entry.endpoint === endpoint),
      );
      const counts = isFiltered
        ? { calls: found.length, effects: found.filter((entry) => entry.effect).length }
        : { calls, effects };
      const keysWithRepeatedEffects = [...effectsByKey.values()].filter((count) => count > 1).length;
      return {
        ...counts,
        keysWithRepeatedEffects,
        dropped,
        entries: limit === undefined ? found : lastOf(found, limit),
      };
    },
    reset() {
      entries = [];
      [calls, effects, dropped] = [0, 0, 0];
      effectsByKey.clear();
    },
  };
}

function lastOf<T>(list: T[], count: number): T[] {
  return count > 0 ? list.slice(-count) : [];
}

function countKey(effectsByKey: Map<string, number>, { endpoint, idempotencyKey }: LedgerEntry): void {
  if (idempotencyKey === null || effectsByKey.size >= MAX_KEYS) return;
  const key = `${endpoint} ${idempotencyKey}`;
  effectsByKey.set(key, (effectsByKey.get(key) ?? 0) + 1);
}

function bounded(body: Json): Json {
  const characters = JSON.stringify(body ?? null).length;
  return characters > MAX_BODY_CHARACTERS ? { truncated: true, characters } : body;
}
