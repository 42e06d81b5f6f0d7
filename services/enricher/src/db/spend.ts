import type { BudgetOf, Database } from '@pressferry/database';
import { sql } from 'kysely';

export interface Priced {
  reservationId: string;
  runId: string;
  /** All, its site, its automation, its vendor. */
  of: readonly BudgetOf[];
  micros: number;
  tokens: number;
}

export interface Exhausted extends BudgetOf {
  period: 'day' | 'month';
  onExhausted: 'hold' | 'skip' | 'fail';
}

/**
 * Reserves under every budget that counts the call, or under none and returns the first that refuses. Rows are locked
 * in one order and caps compared under lock, so concurrent calls never exceed a cap together.
 */
export async function reserveSpend(db: Database, call: Priced): Promise<Exhausted | null> {
  const { reservationId, runId, of, micros, tokens } = call;
  try {
    await db.transaction().execute(async (tx) => {
      const { rows } = await sql<Exhausted & { isAllowed: boolean }>`/* reserve_spend */
        with counted as (
          select budgets.*, date_trunc(period, now() at time zone 'utc')::date as starts_on
          from budgets join jsonb_to_recordset(${JSON.stringify(of)}::jsonb) as given (scope text, name text) using (scope, name)
          order by scope, name, period
        ), reserved as (
          insert into budget_periods as present (scope, name, period, starts_on, reserved_micros, reserved_tokens)
          select scope, name, period, starts_on, ${micros}::bigint, ${tokens}::bigint from counted
          on conflict (scope, name, period, starts_on) do update set
            reserved_micros = present.reserved_micros + excluded.reserved_micros,
            reserved_tokens = present.reserved_tokens + excluded.reserved_tokens
          returning scope, name, period, starts_on, spent_micros + reserved_micros as micros, spent_tokens + reserved_tokens as tokens
        ), noted as (
          insert into spend_reservations (reservation_id, run_id, micros, tokens, budgets)
          select ${reservationId}::uuid, ${runId}::uuid, ${micros}::bigint, ${tokens}::bigint,
            coalesce(jsonb_agg(jsonb_build_object('scope', scope, 'name', name, 'period', period, 'starts_on', starts_on)), '[]')
          from reserved
        )
        select scope, name, period, on_exhausted as "onExhausted",
          coalesce(micros <= cap_micros, true) and coalesce(tokens <= cap_tokens, true) as "isAllowed"
        from reserved join counted using (scope, name, period) order by scope, name, period
      `.execute(tx);
      const refused = rows.find(({ isAllowed }) => !isAllowed);
      if (refused !== undefined) throw new OverBudget(refused);
    });
    return null;
  } catch (error) {
    if (error instanceof OverBudget) return error.budget;
    throw error;
  }
}

class OverBudget extends Error {
  readonly budget: Exhausted;
  constructor({ scope, name, period, onExhausted }: Exhausted) {
    super('over the budget');
    this.budget = { scope, name, period, onExhausted };
  }
}

/** Replaces a reservation by the call's actual cost, once. Locks the rows in the order of `reserveSpend`. */
export async function commitSpend(
  db: Database,
  { reservationId, micros, tokens }: Pick<Priced, 'reservationId' | 'micros' | 'tokens'>,
): Promise<void> {
  await sql`/* settle_spend */
    with gone as (
      delete from spend_reservations where reservation_id = ${reservationId}::uuid returning *
    ), counted as (
      select gone.micros, gone.tokens, budget.* from gone, jsonb_to_recordset(gone.budgets)
        as budget (scope text, name text, period text, starts_on date)
    ), locked as materialized (
      select present.scope, present.name, present.period, present.starts_on, counted.micros, counted.tokens
      from budget_periods as present join counted using (scope, name, period, starts_on)
      order by scope, name, period, starts_on for update of present
    )
    update budget_periods as present set reserved_micros = reserved_micros - locked.micros,
      reserved_tokens = reserved_tokens - locked.tokens,
      spent_micros = spent_micros + ${micros}::bigint, spent_tokens = spent_tokens + ${tokens}::bigint
    from locked where (present.scope, present.name, present.period, present.starts_on)
      = (locked.scope, locked.name, locked.period, locked.starts_on)
  `.execute(db);
}
