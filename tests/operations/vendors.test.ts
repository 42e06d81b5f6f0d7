// Rehearses docs/guides/rotation.md and docs/guides/incidents.md: the key of a vendor, and a bill that runs away.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { readBudgets } from '@pressferry/database';
import { type Stack, type StackSite, startStack } from '@pressferry/devstack';
import { serve, waitFor } from '@pressferry/testing';
import { type Receiver, startReceiver } from '../../services/callback/test/receiver.ts';
import { FAST, loadSite, quietOptions } from '../e2e/stack.ts';
import { assertNothingLost, rollAll, startLoad } from './under-load.ts';

const MAIN = join(import.meta.dirname, '../../packages/admin/src/main.ts');
const LOAD = { type: 'post.published', comesAgain: true };

let stack: Stack;
let site: StackSite;
let receiver: Receiver;
let vendor: Awaited<ReturnType<typeof startKeyedVendor>>;
let keyFile: string;
const resources = new AsyncDisposableStack();
before(async () => {
  vendor = resources.use(await startKeyedVendor('first'));
  const options = await quietOptions(resources);
  keyFile = join(options.dataDir, '../llm-key');
  await writeFile(keyFile, 'first');
  // As the chart mounts it: a changed Secret is read at the next start.
  const enricher = { ...FAST.enricher, LLM_BASE_URL: `${vendor.url}/v1`, LLM_API_KEY: '', LLM_API_KEY_FILE: keyFile };
  stack = resources.use(await startStack({ ...options, serviceEnv: { ...FAST, enricher }, replicas: { enricher: 2 } }));
  vendor.target = stack.file.vendorUrl;
  site = loadSite(stack);
  receiver = resources.use(await startReceiver(site.hmacSecret));
  await stack.setCallbackUrl(site.siteId, receiver.url);
});
after(() => resources.disposeAsync());

/** The simulator behind a check of keys, as a vendor has it. */
async function startKeyedVendor(...keys: string[]) {
  const vendor = { keys: new Set(keys), refused: 0, callsAtMs: [] as number[], target: '' };
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const key = request.headers.authorization?.replace('Bearer ', '') ?? '';
    if (!vendor.keys.has(key)) {
      vendor.refused++;
      const error = { message: 'Incorrect API key provided.', type: 'invalid_request_error', code: 'invalid_api_key' };
      return void response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
    }
    vendor.callsAtMs.push(Date.now());
    const headers = { 'content-type': 'application/json', authorization: 'Bearer simulated' };
    const answer = await fetch(`${vendor.target}${request.url}`, { method: 'POST', headers, body });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  });
  return Object.assign(vendor, await serve(server));
}

async function pressferry(...args: string[]): Promise<string> {
  const { postgresUrl, natsUrl } = stack.file;
  const env = { PATH: process.env.PATH, DATABASE_URL: postgresUrl, NATS_URL: natsUrl };
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args], { env });
  return stdout;
}

/** How many calls the site's budget has refused, over the replicas of enricher. */
async function refusedByBudget(): Promise<number> {
  const urls = Object.entries(stack.file.opsUrls).filter(([name]) => name.startsWith('enricher'));
  const texts = await Promise.all(urls.map(async ([, url]) => (await fetch(`${url}/metrics`)).text()));
  const counts = texts.map((text) => /budget_refusals_total\{scope="site"\} (\d+)/.exec(text)?.[1] ?? 0);
  return counts.reduce<number>((sum, count) => sum + Number(count), 0);
}

test("a vendor's key is replaced under load while it takes both: no call is refused", async () => {
  await using load = startLoad(stack, site, LOAD);
  await load.more(20);
  vendor.keys.add('second');
  await writeFile(keyFile, 'second');
  await rollAll(stack);
  vendor.keys.delete('first');
  await load.more(20);
  await assertNothingLost(load, stack, receiver.stored);
  assert.equal(vendor.refused, 0);
});

test('a vendor that takes one key alone: runs wait while theirs is refused, and go on with the new one', async () => {
  await using load = startLoad(stack, site, LOAD);
  await load.more(20);
  vendor.keys.delete('second');
  vendor.keys.add('third');
  await waitFor(() => vendor.refused > 0, { what: 'a refused call' });
  await load.more(20);
  await writeFile(keyFile, 'third');
  await rollAll(stack);
  await assertNothingLost(load, stack, receiver.stored);
});

test('a bill runs away: the kill switch ends calls within a second, a budget bounds them, and no event is refused or lost', async () => {
  await using load = startLoad(stack, site, LOAD);
  await load.more(20);
  await pressferry('budgets', 'stop', '--vendor', 'llm');
  const stoppedAtMs = Date.now();
  await load.more(60);
  const late = vendor.callsAtMs.filter((atMs) => atMs > stoppedAtMs + 1_000);
  assert.ok(Date.now() > stoppedAtMs + 2_000);
  assert.deepEqual(late, []);

  await pressferry('budgets', 'set', '--site', site.siteId, '--per', 'day', '--tokens', '6000');
  await pressferry('budgets', 'resume', '--vendor', 'llm');
  await waitFor(async () => (await refusedByBudget()) > 0, { what: 'the budget to refuse', timeoutMs: 60_000 });
  await load.more(20);
  const [budget] = await readBudgets(stack.db);
  assert.ok(budget?.capTokens);
  assert.ok(budget.spentTokens > 0);
  assert.ok(budget.spentTokens + budget.reservedTokens <= budget.capTokens);
  await load.stop();
  await pressferry('budgets', 'remove', '--site', site.siteId, '--per', 'day');
  await assertNothingLost(load, stack, receiver.stored);
});
