import type { TransformStep } from '../automations/compile.ts';
import type { CallOutcome } from '../model.ts';
import { failed, type OwnStep } from './own-step.ts';

const MAX_OUTPUT = 1_048_576;

export const transform: OwnStep<TransformStep> = async (step, { run, content, succeeded }): Promise<CallOutcome> => {
  const prepared = await content.do({ kind: 'prepare', step, run });
  if (prepared.kind === 'failed') return { ...prepared, statusCode: null };
  if (prepared.kind !== 'transform') throw new Error('a transform step was prepared as another kind');
  if (prepared.json.length > MAX_OUTPUT) return failed('value is larger than a step may give: 1 MiB');
  return succeeded(prepared.json);
};
