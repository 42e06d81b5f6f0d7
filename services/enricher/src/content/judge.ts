import { Environment } from '@marcbachmann/cel-js';
import type { HttpStep } from '../automations/compile.ts';

/** What conditions read of an answer. */
export interface JudgedAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: unknown;
}

const environment = new Environment({ limits: { maxAstNodes: 500, maxDepth: 20 } })
  .registerVariable('status', 'int')
  .registerVariable('headers', 'map<string, string>')
  .registerVariable('body', 'dyn');

/** Says what is wrong with a condition; undefined if nothing is. */
export function conditionFault(source: string): string | undefined {
  // It runs patterns whose time may grow with the square of a text.
  if (/\bmatches\s{0,9}\(/.test(source))
    return 'matches() is not available: compare, or use contains() or startsWith()';
  const { valid, error } = environment.check(source);
  return valid ? undefined : `is not a condition: ${error?.message.split('\n')[0] ?? 'it does not parse'}`;
}

/** A member that is not there makes a condition false. */
function holds(source: string, { status, headers, body }: JudgedAnswer): boolean {
  try {
    return environment.evaluate(source, { status: BigInt(status), headers, body }) === true;
  } catch {
    return false;
  }
}

/** What of a vendor's answers is a failure although its status is none. */
const PRESETS: Record<NonNullable<HttpStep['preset']>, string> = {
  // A batch answers 207 with what it did not write, or 200 with nothing written.
  hubspot: '(has(body.numErrors) && body.numErrors > 0) || (has(body.results) && size(body.results) == 0)',
};

/** The condition of a step that its answer does not meet; undefined if it meets all. */
export function unmet(step: HttpStep, answer: JudgedAnswer): string | undefined {
  const { preset } = step;
  const isNamed = step.ok_statuses.includes(answer.status);
  if (preset !== undefined && !isNamed && holds(PRESETS[preset], answer)) return `preset ${preset}`;
  if (step.fail_if !== undefined && holds(step.fail_if, answer)) return 'fail_if';
  return step.expect === undefined || holds(step.expect, answer) ? undefined : 'expect';
}
