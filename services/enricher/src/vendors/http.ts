import type { CallingStep } from '../automations/compile.ts';
import { upsertOf } from '../automations/step-templates.ts';
import type { HttpVendor } from '../automations/vendors.ts';
import type { CallOutcome } from '../model.ts';
import type { CallOptions } from './call.ts';
import { refusal } from './refusal.ts';

/** An http step's output is `{ status, body }`, the body as the step's `answer` asks for it. */
export async function callHttp(
  step: CallingStep,
  vendor: HttpVendor,
  { transport, content, rated, headers, signal, isHeld, run, position }: CallOptions,
): Promise<CallOutcome> {
  const prepared = await content.do({ kind: 'prepare', step, run });
  if (prepared.kind === 'failed') return { ...prepared, statusCode: null };
  if (prepared.kind !== 'http') throw new Error('an http step was prepared as another kind');
  const begun = await rated.begin(0, signal);
  if (begun.kind === 'wait') return begun.outcome;
  if (!isHeld()) {
    await begun.end(0);
    return { kind: 'abandoned' };
  }
  const answer = await transport.send({
    method: step.type === 'http' ? step.method : upsertOf(step).method,
    url: `${vendor.baseUrl}${prepared.path}`,
    headers: {
      accept: 'application/json',
      'user-agent': 'pressferry',
      ...prepared.headers,
      ...(prepared.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(vendor.auth === undefined ? {} : { [vendor.auth.header]: vendor.auth.value }),
      ...headers,
    },
    body: prepared.body,
    ignoresBody: step.type === 'http' && step.answer === 'ignore',
    timeoutMs: vendor.timeoutMs,
    signal,
  });
  await begun.end(null);
  const isNamed = answer.kind === 'answered' && step.type === 'http' && step.ok_statuses.includes(answer.status);
  const refused = isNamed ? null : refusal(answer, Date.now());
  if (refused !== null || answer.kind === 'fault') return refused ?? { kind: 'abandoned' };
  const { status, headers: answered, body } = answer;
  const place = { runId: run.run_id, position };
  const read = await content.do({ kind: 'http', step, place, answer: { status, headers: answered, body } });
  if (read.kind === 'unreadable') return { kind: 'failed', code: 'malformed_answer', statusCode: status };
  if (read.kind === 'failed') {
    const within = read.within && refusal({ kind: 'answered', headers: answered, ...read.within }, Date.now());
    if (within) return within;
    const detail = read.detail === undefined ? {} : { detail: read.detail };
    return { kind: 'failed', code: read.code, statusCode: status, ...detail };
  }
  return { kind: 'succeeded', sealedOutput: read.sealedOutput, statusCode: status };
}
