import type { Step } from '../automations/compile.ts';
import type { Content } from '../content/content.ts';
import type { SealedRun } from '../content/context.ts';
import { type CallOutcome, outputContext } from '../model.ts';
import { sealedRun } from '../vendors/call.ts';
import { delay } from './delay.ts';
import type { OwnStepContext } from './own-step.ts';
import { transform } from './transform.ts';

export interface OwnStepDeps {
  content: Pick<Content, 'do'>;
  keyring: { seal: (text: string, context: string) => string };
}

export interface OwnRun extends SealedRun {
  /** Of the steps that were taken up, when. */
  steps: (SealedRun['steps'][number] & { started_at?: string | null })[];
}

/** Does a step that calls no vendor: it costs nothing, and needs no breaker, budget or key. */
export async function doOwnStep(
  step: Step,
  run: OwnRun,
  position: number,
  { content, keyring }: OwnStepDeps,
): Promise<CallOutcome> {
  const nowMs = Date.now();
  const startedAt = run.steps[position]?.started_at ?? null;
  const context: OwnStepContext = {
    ...{ run: sealedRun(run), content, nowMs },
    startedAtMs: startedAt === null ? nowMs : new Date(startedAt).getTime(),
    succeeded: (json) => {
      const sealedOutput = keyring.seal(json, outputContext(run.run_id, position));
      return { kind: 'succeeded', sealedOutput, statusCode: null };
    },
  };
  if (step.type === 'transform') return transform(step, context);
  if (step.type === 'delay') return delay(step, context);
  throw new Error(`a step of type ${step.type} calls a vendor`);
}
