import { createConditions } from './cel.ts';
import { toCel } from './cel-values.ts';
import type { HttpStep } from './compile.ts';

export interface JudgedAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: unknown;
}

const conditions = createConditions({ status: 'int', headers: 'map<string, string>', body: 'dyn' });

export function conditionFault(source: string): string | undefined {
  const checked = conditions.check(source);
  return 'fault' in checked ? checked.fault : undefined;
}

const holds = (source: string, { status, headers, body }: JudgedAnswer): boolean =>
  conditions.holds(source, { status: BigInt(status), headers, body: toCel(body) });

/** Answers that are failures in spite of their status, if any condition holds. */
const PRESETS: Record<NonNullable<HttpStep['preset']>, readonly string[]> = {
  // A batch answers 207 with what it did not write, or 200 with nothing written.
  hubspot: [
    'has(body.numErrors) && body.numErrors > 0',
    'has(body.errors) && size(body.errors) > 0',
    'has(body.results) && size(body.results) == 0',
    'status == 207 && !(has(body.numErrors) && body.numErrors == 0)',
    'has(body.status) && body.status == "error"',
  ],
  // One record, a collection, a batch, a composite request.
  salesforce: [
    'has(body.success) && body.success == false',
    'body.exists(one, one.success == false)',
    'has(body.hasErrors) && body.hasErrors == true',
    'body.compositeResponse.exists(one, one.httpStatusCode >= 400)',
  ],
  // Shopify's mutations use `userErrors`.
  graphql: ['size(body.errors) > 0', 'body.data.exists(name, size(body.data[name].userErrors) > 0)'],
  slack: ['body.ok == false'],
  mailchimp: ['body.error_count > 0', 'size(body.errors) > 0'],
  zendesk: [
    'body.job_status.status in ["failed", "killed"]',
    'body.job_status.results.exists(one, one.success == false)',
    'body.results.exists(one, has(one.error) || has(one.errors))',
  ],
};

/** The first condition of the step that the answer does not meet; undefined if it meets all. */
export function unmet(step: HttpStep, answer: JudgedAnswer): string | undefined {
  const { preset } = step;
  const isNamed = step.ok_statuses.includes(answer.status);
  if (preset !== undefined && !isNamed && PRESETS[preset].some((failed) => holds(failed, answer)))
    return `preset ${preset}`;
  if (step.fail_if !== undefined && holds(step.fail_if, answer)) return 'fail_if';
  return step.expect === undefined || holds(step.expect, answer) ? undefined : 'expect';
}
