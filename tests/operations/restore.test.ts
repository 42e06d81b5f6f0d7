// Rehearses docs/guides/backup.md.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type Stack, type StackOptions, startStack } from '@pressferry/devstack';
import { waitFor } from '@pressferry/testing';
import { type Receiver, startReceiver } from '../../services/callback/test/receiver.ts';
import { loadSite, quietOptions, send } from '../e2e/stack.ts';

let options: StackOptions;
let receiver: Receiver | undefined;
const resources = new AsyncDisposableStack();
before(async () => {
  options = await quietOptions(resources);
});
after(() => resources.disposeAsync());

/** Starts the stack on the data that is there, its results going to the receiver. */
async function startAgain(): Promise<Stack> {
  const stack = await startStack(options);
  const site = loadSite(stack);
  receiver ??= resources.use(await startReceiver(site.hmacSecret));
  await stack.setCallbackUrl(site.siteId, receiver.url);
  return stack;
}

/** With its owner: Postgres does not run as root. */
const copy = (from: string, to: string) => promisify(execFile)('cp', ['-a', from, to]);

async function sendMany(stack: Stack, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let number = 0; number < count; number++) {
    const event = { event_type: 'pressferry.test', data: stack.file.samples['pressferry.test'] };
    const { response, body } = await send(stack, loadSite(stack), { event });
    assert.equal(response.status, 202, JSON.stringify(body));
    ids.push(body.request_id ?? '');
  }
  return ids;
}

/** The events of which Postgres holds an acknowledged delivery. */
async function acknowledged(stack: Stack, ids: readonly string[]): Promise<number> {
  const { count } = await stack.db
    .selectFrom('deliveries')
    .innerJoin('results', 'results.result_id', 'deliveries.result_id')
    .select((build) => build.fn.countAll<string>().as('count'))
    .where('deliveries.status', '=', 'acknowledged')
    .where('results.request_id', 'in', ids)
    .executeTakeFirstOrThrow();
  return Number(count);
}

const untilAcknowledged = (stack: Stack, ids: readonly string[]) =>
  waitFor(async () => (await acknowledged(stack, ids)) === ids.length, {
    what: 'every event to be acknowledged',
    timeoutMs: 60_000,
    everyMs: 200,
  });

test('Postgres goes back to an old backup: each event since then is taken from EVENTS again, and its site gets no second result', async () => {
  const database = join(options.dataDir, 'postgres');
  const backup = join(options.dataDir, '../backup');
  let earlier: string[];
  {
    await using stack = await startAgain();
    earlier = await sendMany(stack, 5);
    await untilAcknowledged(stack, earlier);
  }
  await copy(database, backup);
  let later: string[];
  {
    await using stack = await startAgain();
    later = await sendMany(stack, 7);
    await untilAcknowledged(stack, later);
  }
  const before_ = new Set(receiver?.stored);
  assert.equal(before_.size, 12);
  await rm(database, { recursive: true });
  await copy(backup, database);

  await using stack = await startAgain();
  await untilAcknowledged(stack, [...earlier, ...later]);
  assert.deepEqual(new Set(receiver?.stored), before_);
});

test('NATS loses its disk: what Postgres had taken over goes on, and new events are taken at once', async () => {
  let waiting: string[];
  {
    await using stack = await startAgain();
    if (receiver !== undefined) receiver.behave = (_push, response) => void response.writeHead(503).end();
    waiting = await sendMany(stack, 4);
    const areStored = async () =>
      (await stack.db.selectFrom('results').select('result_id').where('request_id', 'in', waiting).execute()).length ===
      4;
    await waitFor(areStored, { what: 'the results', timeoutMs: 60_000, everyMs: 100 });
  }
  await rm(join(options.dataDir, 'nats'), { recursive: true });
  if (receiver !== undefined) receiver.behave = (_push, _response, acknowledge) => acknowledge();
  await using stack = await startAgain();
  const fresh = await sendMany(stack, 3);
  await untilAcknowledged(stack, [...waiting, ...fresh]);
});
