import { decisionReasonContext, type Keyring } from '@pressferry/runtime';
import type { Step } from '../automations/compile.ts';
import type { Content } from '../content/content.ts';
import type { SealedRun } from '../content/context.ts';
import { type CallOutcome, outputContext } from '../model.ts';
import { sealedRun } from '../vendors/call.ts';
import { approve } from './approve.ts';
import { delay } from './delay.ts';
import type { Decided, OwnStepContext } from './own-step.ts';
import { transform } from './transform.ts';

export interface OwnStepDeps {
  content: Pick<Content, 'do'>;
  keyring: Pick<Keyring, 'open' | 'seal'>;
}

export interface OwnRun extends SealedRun {
  /** Start times, of steps that began. */
  steps: (SealedRun['steps'][number] & { started_at?: string | null } & Decided)[];
}

/** Does a step that calls no vendor, and so needs no breaker, budget or key. */
export async function doOwnStep(
  step: Step,
  run: OwnRun,
  position: number,
  { content, keyring }: OwnStepDeps,
): Promise<CallOutcome> {
  const nowMs = Date.now();
  const place = run.steps[position];
  const startedAt = place?.started_at ?? null;
  const sealed = (json: string): string => keyring.seal(json, outputContext(run.run_id, position));
  const context: OwnStepContext = {
    ...{ run: sealedRun(run), content, nowMs, sealed, decided: place, isFirst: startedAt === null },
    reason: () => {
      const { sealed_reason: text, decision_reason: plain = null } = place ?? {};
      if (text === null || text === undefined) return plain;
      return keyring.open(text, decisionReasonContext(run.run_id, position)).toString('utf8');
    },
    startedAtMs: startedAt === null ? nowMs : new Date(startedAt).getTime(),
    succeeded: (json) => ({ kind: 'succeeded', sealedOutput: sealed(json), statusCode: null }),
  };
  if (step.type === 'transform') return transform(step, context);
  if (step.type === 'approve') return approve(step, context);
  if (step.type === 'delay') return delay(step, context);
  throw new Error(`a step of type ${step.type} calls a vendor`);
}
