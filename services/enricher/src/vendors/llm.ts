import { generateText, type ModelMessage } from 'ai';
import type { LlmStep } from '../automations/compile.ts';
import { type LlmVendor, modelsOf } from '../automations/vendors.ts';
import type { ReadLlm } from '../content/jobs.ts';
import { reached } from '../fault-points.ts';
import type { Answer, CallOutcome, Dialect } from '../model.ts';
import type { Tokens } from '../spend/prices.ts';
import type { CallOptions } from './call.ts';
import { adapted } from './dialect.ts';
import { languageModel } from './models.ts';
import { stopped, unpaid } from './parked.ts';
import { refusal } from './refusal.ts';
import { adjustedBody } from './request-body.ts';

// The SDK would print warnings, prompts included, past our logger.
globalThis.AI_SDK_LOG_WARNINGS = false;

interface Prompt {
  instructions?: string;
  messages: ModelMessage[];
}

interface Asked {
  step: LlmStep;
  vendor: LlmVendor;
  model: string;
  options: CallOptions;
}

/**
 * The AI SDK makes the request; we read the answer, because the SDK does not say why there is none
 * (docs/decisions/0030-answers-of-models.md). The output is `{ text, model, finish_reason, usage: { input_tokens,
 * output_tokens } }`, with `json` if the step asks for JSON. If a model of a list is missing or too busy, the next one
 * is asked.
 */
export async function callLlm(step: LlmStep, vendor: LlmVendor, options: CallOptions): Promise<CallOutcome> {
  const prepared = await options.content.do({ kind: 'prepare', step, run: options.run });
  if (prepared.kind === 'failed') return { ...prepared, statusCode: null };
  if (prepared.kind !== 'llm') throw new Error('an llm step was prepared as another kind');
  const { kind: _kind, prompt, ...instructions } = prepared;
  const asked: Prompt = { ...instructions, messages: [{ role: 'user', content: prompt }] };

  let first: CallOutcome | undefined;
  for (const model of modelsOf(step, vendor)) {
    const { outcome, isModels } = await askModel({ step, vendor, model, options }, asked);
    if (!isModels) return outcome;
    first ??= outcome;
  }
  return first ?? { kind: 'failed', code: 'vendor_refused', statusCode: null, detail: 'no model is named' };
}

/** `isModels`: another model of the vendor may answer. */
interface Said {
  outcome: CallOutcome;
  isModels: boolean;
}

/** One model is missing, or too busy. */
const OF_A_MODEL = new Set([404, 408, 429, 500, 502, 503, 504, 529]);

/** Missing models under other statuses: Groq, OpenAI (403), OpenRouter, Mistral. */
const NO_MODEL =
  /model_(?:not_found|decommissioned|not_available|terms_required)|invalid_model|not a valid model|does not have access to model/i;

const isOfModel = ({ status, body }: Extract<Answer, { kind: 'answered' }>, refused: CallOutcome): boolean =>
  NO_MODEL.test(body.slice(0, 4_096)) || (OF_A_MODEL.has(status) && refused.kind !== 'hold');

async function askModel(asked: Asked, prompt: Prompt): Promise<Said> {
  const said = await answerOf(asked, prompt);
  if (said.kind !== 'unmet') return said.said;
  // Once: a model that does not see its fault in the second answer will not in the third.
  const again = await answerOf(asked, repairing(prompt, said.read));
  if (again.kind !== 'unmet') return again.said;
  const { statusCode, read } = again;
  const tokens = read.tokens === undefined ? {} : { tokens: read.tokens };
  const detail = `the answer does not meet the schema at ${read.where}`;
  return final({ kind: 'failed', code: 'malformed_answer', statusCode, ...tokens, detail });
}

const final = (outcome: CallOutcome): Said => ({ outcome, isModels: false });

type Unmet = Extract<ReadLlm, { kind: 'unmet' }>;

function repairing({ messages, ...rest }: Prompt, { text, faults }: Unmet): Prompt {
  const correction = `That does not meet the JSON Schema: ${faults}. Answer with the corrected JSON alone.`;
  return {
    ...rest,
    messages: [...messages, { role: 'assistant', content: text || '(nothing)' }, { role: 'user', content: correction }],
  };
}

async function answerOf(
  asked: Asked,
  prompt: Prompt,
): Promise<{ kind: 'said'; said: Said } | { kind: 'unmet'; read: Unmet; statusCode: number }> {
  const { step, vendor, model, options } = asked;
  const { content, run, position } = options;
  const said = (outcome: CallOutcome, isModels = false) => ({ kind: 'said' as const, said: { outcome, isModels } });
  const made = await inDialect(asked, prompt);
  if (made.kind === 'unasked') return said(made.outcome);
  const { answer, reserved } = made;
  const refused = refusal(answer, Date.now());
  // The reservation stays: the vendor may have done its work.
  if (answer.kind === 'fault') await reserved.keep();
  if (answer.kind === 'fault') return said(refused ?? { kind: 'abandoned' });
  if (refused !== null) {
    await commitRefused(answer.status, reserved, refused);
    return said(refused, isOfModel(answer, refused));
  }
  const provider = vendor.provider === 'anthropic' ? 'anthropic' : 'openai';
  const place = { runId: run.run_id, position };
  const read = await content.do({ kind: 'llm', step, place, answer: { provider, model, body: answer.body } });
  const { status: statusCode } = answer;
  if (read.kind === 'error') await commitRefused(read.status, reserved);
  else if ('tokens' in read && read.tokens !== undefined) await reserved.commit(read.tokens);
  else await reserved.keep();
  reached('spend.settled');
  if (read.kind === 'unmet') return { kind: 'unmet', read, statusCode };
  if (read.kind === 'unreadable') return said({ kind: 'retry', code: 'malformed_answer', statusCode, maxAttempts: 5 });
  if (read.kind === 'error') {
    // A gateway's 200 with an error inside: the error counts.
    const { status, body } = read;
    const within = refusal({ kind: 'answered', status, headers: answer.headers, body }, Date.now());
    return said(within ?? { kind: 'failed', code: 'vendor_refused', statusCode }, OF_A_MODEL.has(status));
  }
  const tokens = read.tokens === undefined ? {} : { tokens: read.tokens };
  if (read.kind === 'failed') return said({ kind: 'failed', code: read.code, statusCode, ...tokens });
  return said({ kind: 'succeeded', sealedOutput: read.sealedOutput, statusCode, ...tokens });
}

/** Reservations of a call under budgets and limits. */
interface Reserved {
  commit: (tokens: Tokens) => Promise<unknown>;
  keep: () => Promise<void>;
}

/** A request that was made, or that a budget or limit refused. */
type Made =
  | { kind: 'answered'; answer: Answer; sent: Record<string, unknown>; reserved: Reserved }
  | { kind: 'unasked'; outcome: CallOutcome };

const NOTHING = { input: 0, output: 0 };

/** Refusals by which the model had answered. */
const ANSWERED = new Set(['answer_cut', 'malformed_answer', 'answer_tool_call']);

/** A refusal costs nothing; behind a gateway that gave up waiting, the vendor may have done its work. */
const commitRefused = async (status: number, reserved: Reserved, refused?: CallOutcome): Promise<void> => {
  const isDone = status === 504 || (refused?.kind === 'failed' && ANSWERED.has(refused.code));
  await (isDone ? reserved.keep() : reserved.commit(NOTHING));
};

/** Parameters of one request that may be refused in turn. */
const MAX_ADAPTATIONS = 6;

/** Repeats the request in the dialect that a refused parameter asks for; later calls begin with it. */
async function inDialect(asked: Asked, prompt: Prompt): Promise<Made> {
  const { vendor, model, options } = asked;
  const { dialects } = options;
  let dialect = dialects.of(vendor.name, model, vendor.dialect);
  for (let adaptations = 0; ; adaptations++) {
    const made = await ask(asked, prompt, dialect);
    if (made.kind === 'unasked') return made;
    const next = adaptations < MAX_ADAPTATIONS ? adapted(dialect, made.sent, made.answer) : null;
    if (next === null) return made;
    await made.reserved.commit(NOTHING);
    dialects.learn(vendor.name, model, next);
    dialect = next;
  }
}

/** Ends the SDK's work once there is an answer. */
class Answered extends Error {}

/** Runs the SDK's request and returns both sides of the wire. */
async function ask({ step, vendor, model, options }: Asked, prompt: Prompt, dialect: Dialect): Promise<Made> {
  const { transport, signal } = options;
  let made: Made | undefined;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const headers = Object.fromEntries(new Headers(init?.headers));
    const url = input instanceof Request ? input.url : String(input);
    const method = init?.method ?? 'GET';
    const sent = adjustedBody(JSON.parse(String(init?.body)), {
      provider: vendor.provider,
      answer: step.answer,
      dialect,
    });
    const body = JSON.stringify(sent);
    const reserved = await reserve({ step, vendor, model, options }, Buffer.byteLength(body));
    if ('kind' in reserved) made = { kind: 'unasked', outcome: reserved };
    else {
      const answer = await transport.send({ method, url, headers, body, timeoutMs: vendor.timeoutMs, signal });
      made = { kind: 'answered', answer, sent, reserved };
    }
    throw new Answered();
  };
  try {
    await generateText({
      ...prompt,
      model: languageModel(vendor, model, fetch),
      maxOutputTokens: step.max_output_tokens,
      ...(step.temperature === undefined ? {} : { temperature: step.temperature }),
      maxRetries: 0,
      headers: options.headers,
    });
  } catch (error) {
    // Our own fault before anything was sent. Without a cause, because the SDK's messages quote the prompt.
    if (error instanceof Error && 'code' in error && made === undefined) throw error;
    if (made === undefined) throw new Error(`the AI SDK failed before the call: ${nameOf(error)}`);
  }
  if (made === undefined) throw new Error('the AI SDK made no call');
  return made;
}

/** Reserves the most that a request of so many bytes may take: under budgets, then under the vendor's limits. */
async function reserve({ step, vendor, model, options }: Asked, bytes: number): Promise<Reserved | CallOutcome> {
  const { spend, rated, counted, signal, isHeld } = options;
  const bound = step.max_output_tokens;
  // A step may ask again, in another dialect or with another model, long after its first request.
  if (await spend.isStopped(counted)) return stopped();
  const paid = await spend.reserve({ ...counted, model, prices: vendor.prices, bytes, bound });
  if (paid.kind !== 'reserved') return unpaid(paid);
  reached('call.reserved');
  const begun = await rated.begin(bytes + bound, signal);
  if (begun.kind === 'wait') await paid.reservation.commit(NOTHING);
  if (begun.kind === 'wait') return begun.outcome;
  // It may have waited for its turn.
  const isStopped = await spend.isStopped(counted);
  if (isStopped || !isHeld()) {
    await Promise.all([paid.reservation.commit(NOTHING), begun.end(0)]);
    return isStopped ? stopped() : { kind: 'abandoned' };
  }
  return {
    commit: (tokens) => Promise.all([paid.reservation.commit(tokens), begun.end(tokens.input + tokens.output)]),
    keep: () => begun.end(null),
  };
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
