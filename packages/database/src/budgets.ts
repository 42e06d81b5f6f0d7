import { sql } from 'kysely';
import type { Database } from './open.ts';

export const BUDGET_SCOPES = ['all', 'site', 'automation', 'vendor'] as const;
export type BudgetScope = (typeof BUDGET_SCOPES)[number];
export const BUDGET_PERIODS = ['day', 'month'] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];
export const ON_EXHAUSTED = ['hold', 'skip', 'fail'] as const;
export type OnExhausted = (typeof ON_EXHAUSTED)[number];

/** `name` is empty for `all`. */
export interface BudgetOf {
  scope: BudgetScope;
  name: string;
}

/** Per period; money in millionths of a dollar. A null cap does not count. */
export interface Budget extends BudgetOf {
  period: BudgetPeriod;
  capMicros: number | null;
  capTokens: number | null;
  onExhausted: OnExhausted;
}

/** Spending in the present period (UTC); `reserved` is for calls whose end is unknown. */
export interface BudgetState extends Budget {
  spentMicros: number;
  reservedMicros: number;
  spentTokens: number;
  reservedTokens: number;
}

export async function readBudgets(db: Database): Promise<BudgetState[]> {
  const { rows } = await sql<BudgetState>`
    select budgets.scope, budgets.name, budgets.period, cap_micros::float8 as "capMicros", cap_tokens::float8 as "capTokens", on_exhausted as "onExhausted",
      coalesce(spent_micros, 0)::float8 as "spentMicros", coalesce(reserved_micros, 0)::float8 as "reservedMicros",
      coalesce(spent_tokens, 0)::float8 as "spentTokens", coalesce(reserved_tokens, 0)::float8 as "reservedTokens"
    from budgets left join budget_periods as present on (present.scope, present.name, present.period) = (budgets.scope, budgets.name, budgets.period)
      and present.starts_on = date_trunc(budgets.period, now() at time zone 'utc')::date
    order by 1, 2, 3
  `.execute(db);
  return rows;
}

export async function setBudget(db: Database, budget: Budget): Promise<void> {
  const { scope, name, period, capMicros, capTokens, onExhausted } = budget;
  await sql`
    insert into budgets (scope, name, period, cap_micros, cap_tokens, on_exhausted)
    values (${scope}, ${name}, ${period}, ${capMicros}, ${capTokens}, ${onExhausted})
    on conflict (scope, name, period) do update set cap_micros = excluded.cap_micros, cap_tokens = excluded.cap_tokens,
      on_exhausted = excluded.on_exhausted, changed_at = now()
  `.execute(db);
}

/** True if there was one. */
export async function removeBudget(
  db: Database,
  { scope, name, period }: Omit<Budget, 'capMicros' | 'capTokens' | 'onExhausted'>,
): Promise<boolean> {
  const { rows } =
    await sql`delete from budgets where scope = ${scope} and name = ${name} and period = ${period} returning 1`.execute(
      db,
    );
  return rows.length > 0;
}

/** A registered site, an automation that was ever loaded, or a vendor of one. */
export async function isKnown(db: Database, { scope, name }: BudgetOf): Promise<boolean> {
  if (scope === 'all') return true;
  const { rows } = await (scope === 'site'
    ? sql`select 1 from sites where site_id = ${name}`
    : scope === 'automation'
      ? sql`select 1 from automation_versions where automation = ${name} limit 1`
      : sql`select 1 from automation_versions
          where jsonb_path_exists(definition, '$.**.vendor ? (@ == $name)', jsonb_build_object('name', ${name}::text)) limit 1`
  ).execute(db);
  return rows.length > 0;
}

/** The kill switch: no call of these begins. */
export async function readStops(db: Database): Promise<BudgetOf[]> {
  const { rows } = await sql<BudgetOf>`select scope, name from spend_stops order by scope, name`.execute(db);
  return rows;
}

export async function stopSpending(db: Database, { scope, name }: BudgetOf): Promise<void> {
  await sql`insert into spend_stops (scope, name) values (${scope}, ${name}) on conflict do nothing`.execute(db);
}

/** True if it was stopped. */
export async function resumeSpending(db: Database, { scope, name }: BudgetOf): Promise<boolean> {
  const { rows } = await sql`delete from spend_stops where scope = ${scope} and name = ${name} returning 1`.execute(db);
  return rows.length > 0;
}
