import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type Stack, type StackSite, startStack } from '@pressferry/devstack';
import { waitFor } from '@pressferry/testing';
import { type Receiver, startReceiver } from '../../services/callback/test/receiver.ts';
import { loadSite, quietOptions, send } from '../e2e/stack.ts';

const MAIN = join(import.meta.dirname, '../../packages/admin/src/main.ts');

let stack: Stack;
let site: StackSite;
let receiver: Receiver;
const resources = new AsyncDisposableStack();
before(async () => {
  const options = await quietOptions(resources);
  const callback = { RETRY_SCHEDULE_MS: '100,100', BREAKER_FAILURES: '100', POLL_INTERVAL_MS: '100' };
  stack = resources.use(await startStack({ ...options, serviceEnv: { ...options.serviceEnv, callback } }));
  site = loadSite(stack);
  receiver = resources.use(await startReceiver(site.hmacSecret));
  await stack.setCallbackUrl(site.siteId, receiver.url);
});
after(() => resources.disposeAsync());

/** Runs `pressferry` as an operator does. */
async function pressferry(...args: string[]): Promise<{ code: number; output: string }> {
  const env = { PATH: process.env.PATH, DATABASE_URL: stack.file.postgresUrl, NATS_URL: stack.file.natsUrl };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args], { env });
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: `${stdout}${stderr}` };
  }
}

const json = async <T>(...args: string[]): Promise<T> => JSON.parse((await pressferry(...args, '--json')).output) as T;

interface Letter {
  number: number;
  stage: string;
  reason: string;
  request_id: string;
}

const behave = (behaviours: object) =>
  fetch(`${stack.file.vendorUrl}/_sim/behaviours`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(behaviours),
  });

async function publish(title: string) {
  const event = {
    event_type: 'post.published',
    object_ref: title,
    data: { ...stack.file.samples['post.published'], title },
  };
  const { request, response, body } = await send(stack, site, { event });
  assert.equal(response.status, 202, JSON.stringify(body));
  return { requestId: body.request_id ?? '', key: request.idempotencyKey };
}

const letterOf = (requestId: string): Promise<Letter> =>
  waitFor(async () => (await json<Letter[]>('dead', 'list')).find((letter) => letter.request_id === requestId), {
    what: 'the dead letter',
    everyMs: 200,
  });

const runsOf = (requestId: string) =>
  stack.db.selectFrom('runs').select(['run_id', 'automation', 'status']).where('request_id', '=', requestId).execute();

test('a failed run is found by the key that WordPress knows, with its remedy, and done again with its own result', async () => {
  await behave({ chat: [{ status: 400, times: 1 }] });
  const { requestId, key } = await publish('refused');
  const letter = await letterOf(requestId);
  assert.deepEqual([letter.stage, letter.reason], ['enricher', 'vendor_refused']);
  const shown = await pressferry('events', 'show', key);
  assert.match(shown.output, new RegExp(requestId));
  assert.match(
    shown.output,
    /step summary \(llm\), attempt 1: failed, HTTP 400.*\(vendor_refused\)\n.*→ the vendor refused/,
  );
  assert.match((await pressferry('runs', 'list', '--status', 'failed')).output, /summary: vendor_refused/);

  const replayed = await pressferry('dead', 'replay', String(letter.number));
  assert.equal(replayed.code, 0, replayed.output);
  const again = await waitFor(async () => (await runsOf(requestId)).find(({ status }) => status === 'succeeded'), {
    what: 'the run to succeed',
  });
  assert.equal(again.automation, 'summarize-post');
  const failed = (await runsOf(requestId)).filter(({ status }) => status === 'failed');
  assert.match(failed[0]?.automation ?? '', /^summarize-post replaced 20/);
  // The dedupe windows of NATS and WordPress know the failed run's result: this is another one.
  const { result_id } = await stack.db
    .selectFrom('results')
    .select('result_id')
    .where('run_id', '=', again.run_id)
    .executeTakeFirstOrThrow();
  await waitFor(() => receiver.stored.has(result_id), {
    what: 'WordPress to have the second result',
  });

  const twice = await pressferry('dead', 'replay', String(letter.number));
  assert.deepEqual([twice.code, /no such letter/.test(twice.output)], [1, true], twice.output);
});

test('a delivery that was given up is pushed again, by its dead letter or by its id, and never reported done when it is not', async () => {
  receiver.behave = (_push, response) => void response.writeHead(500).end();
  const published = [await publish('away one'), await publish('away two')];
  const letters = await Promise.all(
    published.map(async (event) => ({ event, letter: await letterOf(event.requestId) })),
  );
  assert.deepEqual(
    letters.map(({ letter }) => letter.stage),
    ['callback', 'callback'],
  );
  // Either may have been given up first; letters are replayed from the oldest on.
  const [first, second] = letters.toSorted((a, b) => a.letter.number - b.letter.number).map(({ event }) => event);
  assert.ok(first !== undefined && second !== undefined);
  receiver.behave = (_push, _response, acknowledge) => acknowledge();

  const replayed = await pressferry('dead', 'replay', '--all', '--stage', 'callback', '--limit', '1');
  assert.equal(replayed.code, 0, replayed.output);
  const status = async (requestId: string) =>
    await stack.db
      .selectFrom('deliveries')
      .innerJoin('results', 'results.result_id', 'deliveries.result_id')
      .select(['deliveries.status', 'deliveries.result_id'])
      .where('results.request_id', '=', requestId)
      .executeTakeFirst();
  await waitFor(async () => (await status(first.requestId))?.status === 'acknowledged', {
    what: 'the first delivery',
  });
  const dead = await status(second.requestId);
  assert.equal(dead?.status, 'dead');
  const retried = await pressferry('deliveries', 'retry', dead?.result_id ?? '');
  assert.match(retried.output, /1 begun again, 0 due now/);
  await waitFor(async () => (await status(second.requestId))?.status === 'acknowledged', {
    what: 'the second delivery',
  });
  const again = await pressferry('deliveries', 'retry', dead?.result_id ?? '');
  assert.deepEqual([again.code, /is not a delivery that was given up/.test(again.output)], [1, true], again.output);
});

test('what is not there is said to be so, with what to do', async () => {
  const unknown = await pressferry('events', 'show', '00000000-0000-4000-8000-000000000000');
  assert.equal(unknown.code, 1);
  assert.match(unknown.output, /no stored event is known as .* may wait in EVENTS/);
  assert.equal((await pressferry('dead', 'show', '999999')).code, 1);
  assert.equal((await pressferry('dead', 'replay')).code, 2);
  assert.equal((await pressferry('dead', 'list', '--since', 'yesterday')).code, 2);
  assert.equal((await pressferry('runs', 'list', '--status', 'lost')).code, 2);
  const object = await pressferry('events', 'show', 'refused', '--site', site.siteId);
  assert.equal(object.code, 0, object.output);
});
