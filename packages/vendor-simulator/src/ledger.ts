import type { Endpoint } from './endpoints.ts';
import type { Json } from './json.ts';

const MAX_ENTRIES = 5_000;
const MAX_KEYS = 200_000;
const MAX_BODY_CHARACTERS = 16_384;

/** `abandoned`: the caller left while it waited. */
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

/** Never keeps the value of the Authorization header. */
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

/** For `GET /_sim/ledger`. Counts include dropped entries; with a filter they count the kept ones. */
export interface LedgerView {
  calls: number;
  effects: number;
  /** (Endpoint, idempotency key) pairs with more than one effect: exactly-once means 0. */
  keysWithRepeatedEffects: number;
  dropped: number;
  entries: LedgerEntry[];
}

export interface LedgerFilter {
  idempotencyKey?: string | undefined;
  endpoint?: string | undefined;
  /** The newest entries (default all kept); counts are not affected. */
  limit?: number | undefined;
}

export interface Ledger {
  add(entry: LedgerEntry): void;
  view(filter?: LedgerFilter): LedgerView;
  reset(): void;
}

/** Keeps the newest 5,000 calls, bodies up to 16,384 characters. */
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
