import { parseJson } from '@pressferry/contracts';
import { createKeyring, type Keyring, SealingKeyMissing } from '@pressferry/runtime';
import { createSchemaCheck } from '../automations/answer-schema.ts';
import type { CallingStep, LlmStep, Step } from '../automations/compile.ts';
import { type Matchable, whenHolds } from '../automations/match.ts';
import type { TemplateTree } from '../automations/schema.ts';
import { type Compiler, createCompiler, readsOf, stepsRead, upsertOf } from '../automations/step-templates.ts';
import { type RenderLimits, TemplateFault } from '../automations/template.ts';
import type { NewResult } from '../db/settle-step.ts';
import type { FailureCode } from '../model.ts';
import { outputContext } from '../model.ts';
import { cleaned } from './clean.ts';
import { readCompletion } from './completion.ts';
import { openContext, type SealedRun, sizeOf } from './context.ts';
import { jsonIn } from './fenced.ts';
import { INLINE } from './limits.ts';
import { type Prepared, prepare, type Unprepared } from './prepare.ts';
import { bodyOf, httpOutput } from './read-http.ts';
import { makeResult, type ResultRun } from './result.ts';
import { unmet } from './unmet.ts';
import { delimiterOf } from './untrusted.ts';
import type { Usage } from './usage.ts';

export interface Place {
  runId: string;
  position: number;
}

/** Plain data, so a job can run on another thread. */
export type Job =
  | { kind: 'prepare'; step: Step; run: SealedRun }
  | {
      kind: 'http';
      step: CallingStep;
      place: Place;
      answer: { status: number; headers: Readonly<Record<string, string>>; body: string };
    }
  | {
      kind: 'llm';
      step: LlmStep;
      place: Place;
      answer: { provider: 'openai' | 'anthropic'; model: string; body: string };
    }
  | { kind: 'result'; result: TemplateTree & object; run: SealedRun & ResultRun }
  /** `json`: the event's data. */
  | { kind: 'condition'; when: string; event: Omit<Matchable, 'data'>; json: string };

/** A step's sealed output, or why there is none. */
export type Read =
  | { kind: 'sealed'; sealedOutput: string; tokens?: Tokens }
  | {
      kind: 'failed';
      code: FailureCode;
      detail?: string;
      tokens?: Tokens;
      /** An error under a 2xx that is none of the step's: as that status. */
      within?: { status: number; body: string };
    }
  /** Not an answer of the vendor's, or only a part of one. */
  | { kind: 'unreadable' };
export type ReadLlm =
  | Read
  /** A gateway's 200 with an error inside. */
  | { kind: 'error'; status: number; body: string }
  /** The answer does not meet the step's schema: `faults` are for the model, `where` is for the log. */
  | { kind: 'unmet'; text: string; faults: string; where: string; tokens?: Tokens };
type Tokens = Usage;

export type Finished =
  | { kind: 'result'; result: NewResult }
  | { kind: 'failed'; code: 'template_failed' | 'result_too_large'; detail?: string };

export interface Done {
  prepare: Prepared | Unprepared;
  http: Read;
  llm: ReadLlm;
  result: Finished;
  condition: { kind: 'judged'; holds: boolean } | { kind: 'undecided' };
}

/** Too little time or room; a thread may have more. */
export interface OverLimits {
  kind: 'over_limits';
  detail: string;
}

/** A sealed text names a missing key. As a value, because an error loses its class between threads. */
export interface KeyMissing {
  kind: 'key_missing';
  keyId: string;
}

export interface JobDeps {
  keyring: Pick<Keyring, 'open' | 'seal'>;
  compiler: Compiler;
  /** Removed from every answer. */
  secrets: readonly string[];
  checkSchema: ReturnType<typeof createSchemaCheck>;
  /** For conditions on an answer. */
  conditionsMs: number;
}

export const jobDeps = (sealingKeys: string, isOwnThread: boolean): Omit<JobDeps, 'secrets'> => ({
  keyring: createKeyring(sealingKeys),
  compiler: createCompiler({ byContent: isOwnThread }),
  checkSchema: createSchemaCheck(),
  conditionsMs: isOwnThread ? Number.POSITIVE_INFINITY : INLINE.ms,
});

export function jobSize(job: Job, compiler: Compiler): number {
  if (job.kind === 'prepare' && isUninterruptible(job.step)) return Number.POSITIVE_INFINITY;
  if (job.kind === 'prepare') return sizeOf(job.run, stepsRead(readsOf(job.step, compiler)));
  if (job.kind === 'condition') return Number.POSITIVE_INFINITY;
  if (job.kind === 'result') return sizeOf(job.run, stepsRead(compiler.result(job.result).reads));
  return job.answer.body.length;
}

/** Only the end of its thread ends a CEL expression. */
const isUninterruptible = (step: Step): boolean =>
  step.type === 'delay' ||
  (step.type === 'transform' && hasCel(step.value)) ||
  (step.type === 'approve' && hasCel(step.show));

const hasCel = (value: unknown): boolean => JSON.stringify(value ?? null).includes('"$cel":');

/** Throws if a sealed text does not open, or on a bug. */
export function doJob<K extends Job['kind']>(
  job: Extract<Job, { kind: K }>,
  limits: RenderLimits,
  deps: JobDeps,
): Done[K] | OverLimits | KeyMissing;
export function doJob(job: Job, limits: RenderLimits, deps: JobDeps): Done[Job['kind']] | OverLimits | KeyMissing {
  try {
    if (job.kind === 'prepare') return doPrepare(job, limits, deps);
    if (job.kind === 'result') return doResult(job, limits, deps);
    if (job.kind === 'condition') return judge(job);
    return job.kind === 'http' ? readHttp(job, deps) : readLlm(job, deps);
  } catch (error) {
    if (error instanceof SealingKeyMissing) return { kind: 'key_missing', keyId: error.keyId };
    if (!(error instanceof TemplateFault)) throw error;
    if (error.why === 'limit') return { kind: 'over_limits', detail: error.message };
    // Of a result: steps say so themselves.
    return { kind: 'failed', code: 'template_failed', detail: error.message };
  }
}

type JobOf<K extends Job['kind']> = Extract<Job, { kind: K }>;

function doPrepare({ step, run }: JobOf<'prepare'>, limits: RenderLimits, { keyring, compiler }: JobDeps) {
  const context = openContext(run, keyring, stepsRead(readsOf(step, compiler)));
  return prepare(step, context, { compiler, limits, delimiter: delimiterOf(run.run_id, step.name) });
}

function doResult({ result, run }: JobOf<'result'>, limits: RenderLimits, { keyring, compiler }: JobDeps): Finished {
  const compiled = compiler.result(result);
  const context = openContext(run, keyring, stepsRead(compiled.reads));
  const output = compiled.render(context, limits) as Record<string, unknown>;
  const made = makeResult(run, { status: 'succeeded', output }, keyring);
  return made === null ? { kind: 'failed', code: 'result_too_large' } : { kind: 'result', result: made };
}

const sealed = (output: string, { runId, position }: Place, { keyring }: JobDeps): string =>
  keyring.seal(output, outputContext(runId, position));

function judge({ when, event, json }: JobOf<'condition'>): Done['condition'] {
  const data = parseJson(json) as Record<string, unknown>;
  return { kind: 'judged', holds: whenHolds(when, { ...event, data }) === true };
}

function readHttp({ step, place, answer }: JobOf<'http'>, deps: JobDeps): Read {
  const form = step.type === 'http' ? step.answer : 'auto';
  const body = bodyOf(answer.body, answer.headers['content-type'] ?? '', form);
  if (body === undefined) return { kind: 'failed', code: 'malformed_answer' };
  if (step.type !== 'http') {
    const upserted = upsertOf(step).read({ status: answer.status, body });
    if ('unwritten' in upserted) return { kind: 'failed', code: 'answer_unexpected', detail: upserted.unwritten };
    return { kind: 'sealed', sealedOutput: sealed(JSON.stringify(cleaned(upserted, deps.secrets)), place, deps) };
  }
  const failed = unmet(step, { ...answer, body }, performance.now() + deps.conditionsMs);
  if (failed !== undefined) {
    const { condition: detail, ...within } = failed;
    return { kind: 'failed', code: 'answer_unexpected', detail, ...within };
  }
  return { kind: 'sealed', sealedOutput: sealed(httpOutput(answer.status, body, deps.secrets), place, deps) };
}

const NO_JSON = { faults: 'it is not JSON', where: '#' };
/** Characters of a faulty answer that its model is shown again. */
const LONGEST_SHOWN = 20_000;
/** Turns numbers of any size into the numbers that schemas check. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function readLlm({ step, place, answer }: JobOf<'llm'>, deps: JobDeps): ReadLlm {
  const completion = readCompletion(answer.body, answer.provider);
  if (completion === null) return { kind: 'unreadable' };
  if ('body' in completion) return { kind: 'error', ...completion };
  const { usage } = completion;
  // Without a count it may not be free.
  const tokens = usage === undefined ? {} : { tokens: usage };
  if ('code' in completion) return { kind: 'failed', code: completion.code, ...tokens };
  const json = step.answer === 'text' ? undefined : jsonIn(completion.text);
  if (typeof step.answer === 'object') {
    const unmet = json === undefined ? NO_JSON : deps.checkSchema(step.answer.schema, plain(json));
    if (unmet !== null)
      return { kind: 'unmet', text: completion.text.slice(0, LONGEST_SHOWN).toWellFormed(), ...unmet, ...tokens };
  }
  if (step.answer === 'json' && json === undefined) return { kind: 'failed', code: 'malformed_answer', ...tokens };
  const output = {
    text: completion.text,
    model: answer.model,
    finish_reason: completion.finishReason,
    usage: { input_tokens: usage?.input ?? 0, output_tokens: usage?.output ?? 0 },
    ...(json === undefined ? {} : { json }),
  };
  return {
    kind: 'sealed',
    sealedOutput: sealed(JSON.stringify(cleaned(output, deps.secrets)), place, deps),
    ...tokens,
  };
}
