import { randomUUID } from 'node:crypto';
import {
  type BudgetOf,
  type BudgetScope,
  type BudgetState,
  type Database,
  readBudgets,
  readStops,
} from '@pressferry/database';
import { errorFields, type Logger } from '@pressferry/runtime';
import { startLoop, tryUntil } from '@pressferry/worker';
import { commitSpend, type Exhausted, reserveSpend } from '../db/spend.ts';
import { costMicros, mostMicros, type Price, priceOf, type Tokens } from './prices.ts';

export interface SpendCall {
  runId: string;
  siteId: string;
  automation: string;
  vendor: string;
}

export interface ModelCall extends SpendCall {
  model: string;
  prices: Readonly<Record<string, Price>>;
  bytes: number;
  /** The most tokens of the answer. */
  bound: number;
}

export interface Reservation {
  /**
   * Replaces the reservation by the actual cost. Without it the reservation stays, because the vendor may have been
   * paid.
   */
  commit: (tokens: Tokens) => Promise<void>;
}

export type Reserved =
  | { kind: 'reserved'; reservation: Reservation }
  | { kind: 'exhausted'; by: Exhausted }
  | { kind: 'price_unknown' };

export interface Spend {
  /** Resolves once the stops are known, so a new process makes no call before. */
  isStopped: (call: SpendCall) => Promise<boolean>;
  /** Reserves the most that a call may cost. */
  reserve: (call: ModelCall) => Promise<Reserved>;
}

export interface WatchedSpend extends Spend, AsyncDisposable {
  budgets: () => readonly BudgetState[];
}

export interface SpendDeps {
  db: Database;
  untilReady: (signal: AbortSignal) => Promise<void>;
  logger: Logger;
  onRefused: (scope: BudgetScope) => void;
}

const READ_EVERY_MS = 500;
/** Postgres may be away for a moment; what is not committed counts as spent for the rest of the period. */
const COMMIT_WITHIN_MS = 2_000;
const NEVER = new AbortController().signal;
const FREE: Reservation = { commit: async () => undefined };

/** Reads budgets and stops twice a second; a call that none of them counts costs no statement. */
export function watchSpend({ db, untilReady, logger, onRefused }: SpendDeps): WatchedSpend {
  let budgets: BudgetState[] = [];
  let stops: BudgetOf[] = [];
  const loop = startLoop(
    async (signal) => {
      await untilReady(signal);
      if (signal.aborted) return;
      [budgets, stops] = await Promise.all([readBudgets(db), readStops(db)]);
    },
    {
      intervalMs: () => READ_EVERY_MS,
      onInterruption: (error) => logger.warn(errorFields(error), 'budgets.interrupted'),
    },
  );
  return {
    budgets: () => budgets,
    isStopped: async (call) => {
      await loop.untilFirst(NEVER);
      return stops.some((stop) => countedUnder(call).some((of) => isSame(of, stop)));
    },
    reserve: async (call) => {
      await loop.untilFirst(NEVER);
      const of = countedUnder(call);
      const counting = budgets.filter((budget) => of.some((one) => isSame(one, budget)));
      if (counting.length === 0) return { kind: 'reserved', reservation: FREE };
      const price = priceOf(call.model, call.prices);
      if (price === undefined && counting.some(({ capMicros }) => capMicros !== null)) return { kind: 'price_unknown' };
      const reservationId = randomUUID();
      const micros = price === undefined ? 0 : mostMicros(price, call.bytes, call.bound);
      const by = await reserveSpend(db, {
        reservationId,
        runId: call.runId,
        of,
        micros,
        tokens: call.bytes + call.bound,
      });
      if (by !== null) {
        onRefused(by.scope);
        return { kind: 'exhausted', by };
      }
      const commit = (tokens: Tokens): Promise<void> =>
        tryUntil(
          () =>
            commitSpend(db, {
              reservationId,
              micros: price === undefined ? 0 : costMicros(price, tokens),
              tokens: tokens.input + tokens.output,
            }),
          performance.now() + COMMIT_WITHIN_MS,
        ).catch((error: unknown) => logger.warn(errorFields(error), 'budgets.unsettled'));
      return { kind: 'reserved', reservation: { commit } };
    },
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}

/** For tests and dry runs. */
export const freeSpend: Spend = {
  isStopped: async () => false,
  reserve: async () => ({ kind: 'reserved', reservation: FREE }),
};

const countedUnder = ({ siteId, automation, vendor }: SpendCall): BudgetOf[] => [
  { scope: 'all', name: '' },
  { scope: 'automation', name: automation },
  { scope: 'site', name: siteId },
  { scope: 'vendor', name: vendor },
];

const isSame = (one: BudgetOf, other: BudgetOf): boolean => one.scope === other.scope && one.name === other.name;
