import { parseJson } from '@pressferry/contracts';
import { eventBodyContext, type Keyring } from '@pressferry/runtime';
import type { TemplateContext } from '../automations/template.ts';
import { bodySchema } from '../intake/decode.ts';
import { outputContext } from '../model.ts';

/** As Postgres has them. Plain data, so it can go to another thread. */
export interface SealedRun {
  run_id: string;
  request_id: string;
  site_id: string;
  event_type: string;
  object_ref: string;
  sealed_body: string;
  steps: { name: string; position: number; sealed_output: string | null }[];
}

/**
 * Opens a run's event and finished steps for templates, only those `wanted` if given. Throws if a sealed text does not
 * open.
 */
export function openContext(
  run: SealedRun,
  keyring: Pick<Keyring, 'open'>,
  wanted: ReadonlySet<string> | null = null,
): TemplateContext {
  const body = bodySchema.parse(
    parseJson(keyring.open(run.sealed_body, eventBodyContext(run.request_id)).toString('utf8')),
  );
  const finished = run.steps.flatMap(({ name, position, sealed_output }) => {
    if (sealed_output === null || wanted?.has(name) === false) return [];
    const opened = keyring.open(sealed_output, outputContext(run.run_id, position)).toString('utf8');
    return [[name, { output: parseJson(opened) }] as const];
  });
  return {
    event: {
      event_type: run.event_type,
      object_ref: run.object_ref,
      occurred_at: body.occurred_at,
      data: body.data,
    },
    site: { id: run.site_id },
    run: { id: run.run_id },
    steps: Object.fromEntries(finished),
  };
}

export function sizeOf({ sealed_body, steps }: SealedRun, wanted: ReadonlySet<string> | null): number {
  const outputs = steps
    .filter(({ name }) => wanted?.has(name) !== false)
    .map(({ sealed_output }) => sealed_output ?? '');
  return outputs.reduce((sum, { length }) => sum + length, sealed_body.length);
}
