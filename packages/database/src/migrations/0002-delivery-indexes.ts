import { type Kysely, sql } from 'kysely';

/** Finds waiting sites, and each one's due deliveries, without reading other backlogs. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  "create index deliveries_due_by_site on deliveries (site_id, due_at) where status = 'pending'",
  "create index deliveries_held_by_site on deliveries (site_id, due_at) where status = 'held'",
];
