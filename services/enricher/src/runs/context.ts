import { parseJson } from '@pressferry/contracts';
import { eventBodyContext, type Keyring } from '@pressferry/runtime';
import type { TemplateContext } from '../automations/template.ts';
import type { ClaimedRun } from '../db/claim-runs.ts';
import { bodySchema } from '../intake/decode.ts';

/** The sealing context of a step's output. */
export const outputContext = (runId: string, position: number): string => `step:${runId}:${position}`;

/** Opens the event and the finished steps of a run for its templates. Throws where a sealed text does not open. */
export function openContext(run: ClaimedRun, keyring: Pick<Keyring, 'open'>): TemplateContext {
  const body = bodySchema.parse(
    parseJson(keyring.open(run.sealed_body, eventBodyContext(run.request_id)).toString('utf8')),
  );
  const finished = run.steps.flatMap(({ name, position, sealed_output }) => {
    if (sealed_output === null) return [];
    const output: unknown = parseJson(
      keyring.open(sealed_output, outputContext(run.run_id, position)).toString('utf8'),
    );
    return [[name, { output }] as const];
  });
  return {
    event: {
      event_type: run.event_type,
      object_ref: run.object_ref,
      occurred_at: body.occurred_at,
      data: body.data,
    },
    site: { id: run.site_id },
    steps: Object.fromEntries(finished),
  };
}
