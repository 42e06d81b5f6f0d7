import { type Kysely, sql } from 'kysely';

/** Events since the pause are held. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  'alter table sites add column paused_at timestamptz',
  "update sites set paused_at = updated_at where status = 'paused'",
  `create function note_pause() returns trigger language plpgsql as $$
  begin
    if new.status <> 'paused' then
      new.paused_at := null;
    elsif tg_op = 'INSERT' or old.status <> 'paused' then
      new.paused_at := now();
    end if;
    return new;
  end $$`,
  'create trigger sites_paused before insert or update of status on sites for each row execute function note_pause()',
];
