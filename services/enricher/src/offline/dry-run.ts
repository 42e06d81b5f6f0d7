import { randomBytes } from 'node:crypto';
import { runId } from '@pressferry/contracts';
import { createKeyring, eventBodyContext, type Keyring } from '@pressferry/runtime';
import { z } from 'zod';
import type { Automation } from '../automations/compile.ts';
import { matching } from '../automations/match.ts';
import type { Vendor } from '../automations/vendors.ts';
import { type Content, createContent } from '../content/content.ts';
import { type CallOutcome, OWN_STEPS, outputContext } from '../model.ts';
import { doOwnStep } from '../own-steps/index.ts';
import { freeSpend } from '../spend/spend.ts';
import { callVendor } from '../vendors/call.ts';
import { createDialects } from '../vendors/dialect.ts';
import { UNRATED } from '../vendors/rates.ts';
import type { Transport } from '../vendors/transport.ts';
import { loadOffline, type OfflineOptions } from './validate.ts';

/** As a sender writes it; members that matching and templates do not read may be left out. */
export const eventSchema = z.looseObject({
  event_type: z.string(),
  object_ref: z.string().default('1'),
  occurred_at: z.string().default('2026-01-01T00:00:00Z'),
  data: z.record(z.string(), z.unknown()),
});

export interface DryRun extends OfflineOptions {
  event: z.output<typeof eventSchema>;
  siteId: string;
  labels: Readonly<Record<string, string>>;
  /** By step name, for the templates of later steps. */
  outputs: Readonly<Record<string, unknown>>;
}

const REQUEST = '00000000-0000-5000-8000-000000000000';

/**
 * Prints each request that an event would make, rendered and masked as in production, and the result. Sends nothing.
 */
export async function dryRun(options: DryRun, print: (line: string) => void): Promise<number> {
  const { automations, vendors } = loadOffline(options);
  const { event, siteId, labels } = options;
  const sealingKeys = `dry:${randomBytes(32).toString('base64')}`;
  const keyring = createKeyring(sealingKeys);
  await using content = createContent({ sealingKeys, secrets: () => [] });
  const { matched } = matching(automations.values(), { siteId, labels, ...event });
  if (matched.length === 0) print(`no automation runs for ${event.event_type} of ${siteId}`);
  let isWhole = true;
  for (const automation of matched) {
    print(`── ${automation.name}${automation.modeFor(siteId) === 'dry_run' ? ' (in dry-run mode)' : ''}`);
    if (!(await runThrough(automation, { ...options, vendors, content, keyring, print }))) isWhole = false;
  }
  return isWhole ? 0 : 1;
}

interface Running extends DryRun {
  vendors: ReadonlyMap<string, Vendor>;
  content: Content;
  keyring: Keyring;
  print: (line: string) => void;
}

async function runThrough(automation: Automation, running: Running): Promise<boolean> {
  const { event, siteId, outputs, vendors, content, keyring, print } = running;
  const { event_type, object_ref, occurred_at, data } = event;
  const run_id = runId(REQUEST, automation.name);
  const outputOf = (name: string, position: number): string =>
    keyring.seal(JSON.stringify(outputs[name] ?? standInOutput(automation, name)), outputContext(run_id, position));
  const run = {
    ...{ run_id, request_id: REQUEST, site_id: siteId, event_type, object_ref, traceparent: null },
    automation: automation.name,
    sealed_body: keyring.seal(JSON.stringify({ occurred_at, data }), eventBodyContext(REQUEST)),
    steps: automation.steps.map(({ name }, position) => ({ name, position, sealed_output: outputOf(name, position) })),
  };
  const transport: Pick<Transport, 'send'> = {
    send: async ({ method, url, headers, body }) => {
      print(`${method} ${url}`);
      for (const [name, value] of Object.entries(headers)) print(`  ${name}: ${value}`);
      if (body !== undefined) print(indented(JSON.stringify(JSON.parse(body), null, 2)));
      return { kind: 'fault', code: 'abandoned' };
    },
  };
  const signal = new AbortController().signal;
  let isWhole = true;
  for (const [position, step] of automation.steps.entries()) {
    if (step.vendor === OWN_STEPS) {
      print(`step ${step.name}, a ${step.type}`);
      const outcome = await doOwnStep(step, run, position, { content, keyring });
      const done = toldOf(outcome, (sealed) => keyring.open(sealed, outputContext(run_id, position)).toString('utf8'));
      print(indented(done.text));
      if (!done.isDone) isWhole = false;
      const place = run.steps[position];
      const isGiven = step.name in outputs;
      if (outcome.kind === 'succeeded' && place !== undefined && !isGiven) place.sealed_output = outcome.sealedOutput;
      continue;
    }
    print(`step ${step.name} at ${step.vendor}`);
    const uncounted = { spend: freeSpend, rated: () => UNRATED };
    const deps = { ...uncounted, transport, content, dialects: createDialects(), vendors, signal, isHeld: () => true };
    const outcome = await callVendor(step, run, position, deps);
    if (outcome.kind === 'abandoned') continue;
    isWhole = false;
    const detail = 'detail' in outcome ? ` (${outcome.detail})` : '';
    print(`  would fail: ${'code' in outcome ? outcome.code : outcome.kind}${detail}`);
  }
  const told = { ...run, idempotency_key: REQUEST, automation: automation.name };
  const finished = await content.do({ kind: 'result', result: automation.result, run: told });
  if (finished.kind === 'failed') {
    print(`the result would fail: ${finished.code} ${finished.detail ?? ''}`);
    return false;
  }
  const { result_id, sealed_body } = finished.result;
  const { output } = JSON.parse(keyring.open(sealed_body, `result:${result_id}`).toString('utf8'));
  print(`result\n${indented(JSON.stringify(output, null, 2))}`);
  return isWhole;
}

/** The outcome of a step that calls no vendor. */
function toldOf(outcome: CallOutcome, open: (sealed: string) => string): { text: string; isDone: boolean } {
  if (outcome.kind === 'succeeded')
    return { text: JSON.stringify(JSON.parse(open(outcome.sealedOutput)), null, 2), isDone: true };
  if (outcome.kind === 'sleep') {
    const shown =
      outcome.sealedOutput === undefined ? '' : `\n${JSON.stringify(JSON.parse(open(outcome.sealedOutput)), null, 2)}`;
    const until = new Date(Date.now() + outcome.delayMs).toISOString();
    const waitsFor = outcome.why === 'approval' ? `for approval, at most until ${until}` : `until ${until}`;
    return { text: `would wait ${waitsFor}${shown}`, isDone: true };
  }
  const detail = 'detail' in outcome && outcome.detail !== undefined ? ` (${outcome.detail})` : '';
  return { text: `would fail: ${'code' in outcome ? outcome.code : outcome.kind}${detail}`, isDone: false };
}

/** The answer that a step is assumed to give by default. */
function standInOutput({ steps }: Automation, name: string): unknown {
  const step = steps.find((one) => one.name === name);
  if (step?.type === 'hubspot' || step?.type === 'salesforce') return { id: '1', is_new: true };
  if (step?.type === 'http') return { status: 200, body: {} };
  if (step?.type === 'transform') return null;
  if (step?.type === 'approve')
    return { decision: 'approved', by: 'someone', at: '2026-01-01T00:00:00.000Z', reason: null };
  if (step?.type === 'delay') return { until: '2026-01-01T00:00:00.000Z' };
  return { text: `(the answer of ${name})`, json: {}, finish_reason: 'stop', model: 'none' };
}

const indented = (text: string): string => text.replace(/^/gm, '  ');
