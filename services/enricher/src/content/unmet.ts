import { holds, type JudgedAnswer } from '../automations/answer-conditions.ts';
import type { HttpStep } from '../automations/compile.ts';
import { errorOf, PRESETS } from './presets.ts';

/** `within`: the error that the answer amounts to, if it is a passing one, or one for an operator. */
export interface Unmet {
  condition: string;
  within?: { status: number; body: string };
}

/** The first condition of the step that the answer does not meet; undefined if it meets all. Throws like `holds`. */
export function unmet(step: HttpStep, answer: JudgedAnswer, untilMs: number): Unmet | undefined {
  const { preset } = step;
  const isNamed = step.ok_statuses.includes(answer.status);
  if (preset !== undefined && !isNamed && PRESETS[preset].failed(answer.body, answer.status)) {
    const within = errorOf(preset, answer.body);
    return { condition: `preset ${preset}`, ...(within === undefined ? {} : { within }) };
  }
  if (step.fail_if !== undefined && holds(step.fail_if, answer, untilMs)) return { condition: 'fail_if' };
  return step.expect === undefined || holds(step.expect, answer, untilMs) ? undefined : { condition: 'expect' };
}
