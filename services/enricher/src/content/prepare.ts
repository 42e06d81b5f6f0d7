import { isDeepStrictEqual } from 'node:util';
import { maskValue } from '@pressferry/masking';
import type { Step } from '../automations/compile.ts';
import { withoutInvisible } from '../automations/invisible.ts';
import type { Compiler } from '../automations/step-templates.ts';
import { type RenderLimits, type TemplateContext, TemplateFault } from '../automations/template.ts';
import { delimited, ruleOf } from './untrusted.ts';

export type Prepared =
  | { kind: 'llm'; prompt: string; instructions?: string }
  | { kind: 'http'; path: string; headers: Record<string, string>; body?: string }
  | { kind: 'transform'; json: string }
  | { kind: 'delay'; untilMs: number }
  | { kind: 'approve'; json: string };

/** `detail` names the place, and no content. */
export interface Unprepared {
  kind: 'failed';
  code: 'template_failed' | 'pii_refused';
  detail: string;
}

/** Throws a `TemplateFault` of the kind `limit` if there was too little time or room. */
export interface Preparing {
  compiler: Compiler;
  limits: RenderLimits;
  delimiter: string;
}

export function prepare(step: Step, context: TemplateContext, preparing: Preparing): Prepared | Unprepared {
  try {
    const prepared = render(step, context, preparing);
    return prepared ?? { kind: 'failed', code: 'pii_refused', detail: 'what is sent holds secrets or personal data' };
  } catch (error) {
    if (!(error instanceof TemplateFault) || error.why === 'limit') throw error;
    return { kind: 'failed', code: 'template_failed', detail: error.message };
  }
}

function render(step: Step, context: TemplateContext, { compiler, limits, delimiter }: Preparing): Prepared | null {
  if (step.type === 'llm') {
    const { system, prompt } = compiler.llm(step);
    const isMarked = step.untrusted === 'mark';
    const said = (text: string): string => delimited(withoutInvisible(text), isMarked ? delimiter : null);
    const rule = isMarked ? [ruleOf(delimiter)] : [];
    const instructions = [...(system === undefined ? [] : [said(system.render(context, limits))]), ...rule].join(
      '\n\n',
    );
    const texts = { prompt: said(prompt.render(context, limits)), ...(instructions === '' ? {} : { instructions }) };
    const sent = withPersonalData(step.pii, texts);
    return sent && { kind: 'llm', ...sent.value };
  }
  if (step.type === 'transform')
    return { kind: 'transform', json: JSON.stringify(compiler.transform(step).render(context, limits)) };
  if (step.type === 'approve')
    return { kind: 'approve', json: JSON.stringify(compiler.approve(step).render(context, limits)) };
  if (step.type === 'delay') {
    const untilMs = instantOf(compiler.delay(step).until?.render(context, limits));
    if (untilMs === undefined) throw new TemplateFault('until', 'unusable', 'it is not an instant with a time zone');
    return { kind: 'delay', untilMs };
  }
  const templates = compiler.http(step);
  const headers = templates.headers.map(([name, value]) => [
    name.toLowerCase(),
    encodedHeader(value.render(context, limits)),
  ]);
  const path = templates.path.render(context, limits);
  const sent = withPersonalData(step.pii, templates.body?.render(context, limits));
  if (sent === null) return null;
  const body = sent.value === undefined ? {} : { body: JSON.stringify(sent.value) };
  return { kind: 'http', path, headers: Object.fromEntries(headers), ...body };
}

/** Without a time, or a time zone, readers would disagree on the instant. */
const INSTANT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:\d\d)$/;

function instantOf(value: unknown): number | undefined {
  const ms = typeof value === 'string' && INSTANT.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** A rendered value under the step's `pii`; null if it refuses. */
function withPersonalData<T>(pii: 'allow' | 'mask' | 'refuse', value: T): { value: T } | null {
  if (pii === 'allow') return { value };
  const masked = maskValue(value) as T;
  return pii === 'mask' || isDeepStrictEqual(masked, value) ? { value: masked } : null;
}

/** UTF-8, one character per byte: servers agree on no other form of non-ASCII headers. */
const encodedHeader = (value: string): string => Buffer.from(value, 'utf8').toString('latin1');
