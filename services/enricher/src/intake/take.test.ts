import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { encodeEvent, requestId } from '@pressferry/contracts';
import type { Delivered } from '@pressferry/jetstream';
import { createKeyring } from '@pressferry/runtime';
import { compileAutomation } from '../automations/compile.ts';
import { fileSchema } from '../automations/schema.ts';
import { type IntakeDeps, takeEvent } from './take.ts';

/** Its condition is judged on another thread, because it is large. */
function message(delivery: number): Delivered {
  const key = randomUUID();
  const body = { occurred_at: new Date().toISOString(), data: { status: 'new', text: 'a'.repeat(70_000) } };
  const data = encodeEvent({
    requestId: requestId('site-a', key),
    siteId: 'site-a',
    eventType: 'form.submitted',
    objectRef: '1',
    idempotencyKey: key,
    receivedAtMs: Date.now(),
    body: Buffer.from(JSON.stringify(body)),
    mode: 'live',
  });
  return {
    stream: 'EVENTS',
    subject: 'pf.event.0.site-a.form.submitted',
    sequence: 7,
    delivery,
    data,
    header: () => '',
  };
}

function intake(judge: IntakeDeps['judge']) {
  const steps = [{ name: 's', type: 'http', vendor: 'crm', path: '/' }];
  const when = "event.data.status == 'new'";
  const { automations } = fileSchema.parse({ automations: [{ name: 'a', on: ['form.submitted'], when, steps }] });
  const stored: unknown[] = [];
  const letters: string[] = [];
  const logged: unknown[] = [];
  const log = (fields: unknown, name: string): void => void logged.push([name, fields]);
  const deps = {
    automations: automations.map((one) => compileAutomation(one, (path, text) => assert.fail(`${path}: ${text}`))),
    batcher: {
      write: async ({ runs }: { runs: unknown[] }) => {
        stored.push(runs.length);
        return 'stored';
      },
    },
    keyring: createKeyring(`k1:${Buffer.alloc(32, 1).toString('base64')}`),
    judge,
    labels: { of: () => ({}) },
    publishDeadLetter: async ({ reason }: { reason: string }) => {
      letters.push(reason);
      return true;
    },
    metrics: { event: () => undefined, intakeLag: () => undefined },
    logger: { info: log, error: log, warn: log },
  } as unknown as IntakeDeps;
  return { deps, stored, letters, logged };
}

test('an event whose condition stays undecided is tried again, and is a dead letter at last: never is it stored without the run', async () => {
  const { deps, stored, letters, logged } = intake(async () => undefined);
  for (const delivery of [1, 2, 3]) {
    const outcome = await takeEvent(message(delivery), deps);
    assert.equal(outcome.kind, 'retry', String(delivery));
  }
  assert.deepEqual(letters, []);
  assert.equal((await takeEvent(message(4), deps)).kind, 'drop');
  assert.deepEqual([stored, letters, logged.length], [[], ['condition_too_slow'], 4]);
});

test('an event whose condition is decided in time has its run', async () => {
  const { deps, stored } = intake(
    async ({ json, when }) => when.includes('status') && JSON.parse(json).status === 'new',
  );
  assert.equal((await takeEvent(message(1), deps)).kind, 'done');
  assert.deepEqual(stored, [1]);
});
