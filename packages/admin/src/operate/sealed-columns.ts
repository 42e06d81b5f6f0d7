import { decisionReasonContext, eventBodyContext } from '@pressferry/runtime';
import { secretContext } from '@pressferry/sites';

/** A column of sealed texts, its key, and the texts' sealing context. */
export interface SealedColumn {
  table: string;
  column: string;
  /** Key columns, with the Postgres type of a list of their values. */
  keys: Record<string, 'uuid[]' | 'text[]' | 'int[]' | 'timestamptz[]'>;
  /** SQL for rows that hold a sealed text. */
  where?: string;
  context: (key: Record<string, string>) => string;
}

/**
 * Complete: packages/admin/test/seal.test.ts compares it with the database. Secrets first: they are few, and events
 * need them.
 */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: 'site_secrets',
    column: 'sealed_secret',
    keys: { secret_id: 'uuid[]', site_id: 'text[]' },
    context: ({ site_id = '' }) => secretContext(site_id),
  },
  {
    table: 'site_keys',
    column: 'public_key',
    keys: { site_id: 'text[]', kid: 'text[]' },
    where: "algorithm = 'HS256'",
    context: ({ site_id = '' }) => secretContext(site_id),
  },
  {
    table: 'events',
    column: 'sealed_body',
    keys: { filed_at: 'timestamptz[]', request_id: 'uuid[]' },
    context: ({ request_id = '' }) => eventBodyContext(request_id),
  },
  // A step moves from the open ones to the past ones, never back.
  {
    table: 'open_steps',
    column: 'sealed_output',
    keys: { run_id: 'uuid[]', position: 'int[]' },
    context: ({ run_id, position }) => `step:${run_id}:${position}`,
  },
  {
    table: 'open_steps',
    column: 'sealed_reason',
    keys: { run_id: 'uuid[]', position: 'int[]' },
    context: ({ run_id = '', position = '' }) => decisionReasonContext(run_id, position),
  },
  {
    table: 'past_steps',
    column: 'sealed_output',
    keys: { filed_at: 'timestamptz[]', run_id: 'uuid[]', position: 'int[]' },
    context: ({ run_id, position }) => `step:${run_id}:${position}`,
  },
  {
    table: 'results',
    column: 'sealed_body',
    keys: { filed_at: 'timestamptz[]', result_id: 'uuid[]' },
    context: ({ result_id }) => `result:${result_id}`,
  },
];
