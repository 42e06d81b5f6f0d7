import type { HttpStep } from '../automations/compile.ts';
import type { TemplateContext } from '../automations/template.ts';
import type { HttpVendor } from '../automations/vendors.ts';
import { parseJson } from './json.ts';
import { type CallOutcome, refusal } from './outcome.ts';
import { withPersonalData } from './personal-data.ts';
import type { Transport } from './transport.ts';

/** What every vendor call carries, whatever its kind. */
export interface CallOptions {
  transport: Pick<Transport, 'send'>;
  /** Idempotency-Key and traceparent. */
  headers: Record<string, string>;
  signal: AbortSignal;
}

/** Makes the call of an http step; its output is `{ status, body }`, the body parsed, null where it is empty. */
export async function callHttp(
  step: HttpStep,
  vendor: HttpVendor,
  context: TemplateContext,
  { transport, headers, signal }: CallOptions,
): Promise<CallOutcome> {
  const rendered = render(step, vendor, context);
  if (rendered === null) return { kind: 'failed', code: 'template_failed', statusCode: null };
  if (rendered === 'pii_refused') return { kind: 'failed', code: rendered, statusCode: null };
  const answer = await transport.send({
    method: step.method,
    url: rendered.url,
    headers: {
      accept: 'application/json',
      'user-agent': 'pressferry',
      ...rendered.headers,
      ...(rendered.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(vendor.auth === undefined ? {} : { [vendor.auth.header]: vendor.auth.value }),
      ...headers,
    },
    body: rendered.body,
    timeoutMs: vendor.timeoutMs,
    signal,
  });
  const refused = refusal(answer, Date.now());
  if (refused !== null || answer.kind === 'fault') return refused ?? { kind: 'abandoned' };
  const { status, body } = answer;
  if (body.trim() === '') return { kind: 'succeeded', output: { status, body: null }, statusCode: status };
  const parsed = parseJson(body);
  if (parsed === undefined) return { kind: 'retry', code: 'malformed_answer', statusCode: status };
  return { kind: 'succeeded', output: { status, body: parsed }, statusCode: status };
}

interface Rendered {
  url: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** Null where a template does not render, or a header's value could not be sent. */
function render(step: HttpStep, vendor: HttpVendor, context: TemplateContext): Rendered | 'pii_refused' | null {
  try {
    const headers = step.headers.map(([name, value]) => [name.toLowerCase(), value.render(context)] as const);
    // Anything outside printable ASCII cannot stand in a header, and a line end would begin another one.
    if (headers.some(([, value]) => /[^\x20-\x7e]/.test(value))) return null;
    const sent = withPersonalData(step.pii, step.body?.render(context));
    if (sent === null) return 'pii_refused';
    const { value: body } = sent;
    return {
      url: `${vendor.baseUrl}${step.path.render(context)}`,
      headers: Object.fromEntries(headers),
      body: body === undefined ? undefined : JSON.stringify(body),
    };
  } catch {
    return null;
  }
}
