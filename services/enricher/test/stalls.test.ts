import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

/** One automation for hostile content, one for ordinary content, at one vendor. */
const automations = (steps: string, result = '{}') => `
automations:
  - name: hostile
    on: [form.submitted]
    steps: ${steps}
    result: ${result}
  - name: ordinary
    on: [post.published]
    steps: [{ name: one, type: http, vendor: crm, path: /ordinary, body: {} }]
`;

const ROUNDS = 10_000;

const HOSTILE: { what: string; yaml: string; data?: Record<string, unknown>; answer?: string; endsWith: string }[] = [
  {
    what: 'an answer of 90,000 members',
    yaml: automations('[{ name: one, type: http, vendor: crm, path: /hostile, body: {} }]'),
    answer: JSON.stringify(Object.fromEntries(Array.from({ length: 90_000 }, (_, index) => [`k${index}`, 1]))),
    endsWith: 'succeeded',
  },
  {
    what: 'an answer of half a megabyte of what looks like tokens',
    yaml: automations(
      '[{ name: one, type: http, vendor: crm, path: /hostile, body: {} }, { name: two, type: http, vendor: crm, pii: mask, path: /hostile, body: { text: "{{ steps.one.output.body.text }}" } }]',
    ),
    answer: JSON.stringify({ text: '-eyJ'.repeat(130_000) }),
    endsWith: 'succeeded',
  },
  {
    what: 'a template that loops over all that a visitor wrote, for each letter of it',
    yaml: automations(
      `[{ name: one, type: http, vendor: crm, path: /hostile, body: { text: '{% assign letters = event.data.fields.message | split: "" %}{% for a in letters %}{% for b in letters %}{{ b }}{% endfor %}{% endfor %}' } }]`,
    ),
    data: { fields: { message: 'a'.repeat(50_000) } },
    endsWith: 'failed',
  },
  {
    what: 'results as large as they may be, put together from many pieces',
    yaml: automations(
      '[{ name: one, type: http, vendor: crm, path: /hostile, body: {} }]',
      `{ text: '{% for item in steps.one.output.body %}{{ item | upcase | append: "!" }}{% endfor %}' }`,
    ),
    answer: JSON.stringify(Array.from({ length: 40_000 }, () => 'a')),
    endsWith: 'succeeded',
  },
  {
    what: 'a condition that compares each item that a visitor wrote with each other one',
    yaml: automations('[{ name: one, type: http, vendor: crm, path: /hostile, body: {} }]').replace(
      '- name: hostile',
      `- name: hostile
    when: 'event.data.items.all(a, event.data.items.filter(b, b.sku == a.sku).size() == 1)'`,
    ),
    data: { items: Array.from({ length: 1_000 }, (_, index) => ({ sku: `sku-${index}` })) },
    endsWith: 'succeeded',
  },
  {
    what: 'a condition on an answer that compares each of its items with each other one',
    yaml: automations(
      `[{ name: one, type: http, vendor: crm, path: /hostile, body: {}, expect: 'body.all(a, body.filter(b, b == a).size() == 1)' }]`,
    ),
    answer: JSON.stringify(Array.from({ length: 1_000 }, (_, index) => index)),
    endsWith: 'succeeded',
  },
];

for (const { what, yaml, data = { fields: {} }, answer = '{}', endsWith } of HOSTILE) {
  test(`${what}: nothing else waits for it`, async () => {
    await using vendor = await startVendor(answer);
    await using world = await startWorld(postgres);
    await world.start(`${vendorsYaml()}${yaml}`, { CRM_BASE_URL: vendor.url });
    const quiet = async () => longestStall(() => ordinary(world));
    await quiet();
    const usual = Math.max(...[await quiet(), await quiet(), await quiet()]);

    const stall = await longestStall(async () => {
      const hostile = await Promise.all(
        Array.from({ length: 6 }, () => world.send({ type: 'form.submitted', siteId: 'noisy', data })),
      );
      while ((await endedRuns(world, 'noisy')) < hostile.length) await ordinary(world);
      for (const request of hostile) assert.equal((await world.result(request, 'hostile')).status, endsWith);
    });
    // What this test itself costs is in both; the least of these took 600 ms at once before, on a machine where the fixed work takes 20.
    const most = Math.max(10 * fixedWork(), 3 * usual);
    assert.ok(stall < most, `the longest stall was ${stall} of ${most} ms, and ${usual} ms without hostile content`);
  });
}

/** What the same piece of work takes on this machine now, in ms of processor time. */
function fixedWork(): number {
  const before = process.threadCpuUsage();
  let digest = '';
  for (let round = 0; round < ROUNDS; round++) digest = createHash('sha256').update(digest).digest('hex');
  return process.threadCpuUsage(before).user / 1_000;
}

/** An event of another site, from its sending to its result. */
async function ordinary(world: World): Promise<void> {
  const request = await world.send({ siteId: 'quiet', data: {} });
  assert.equal((await world.result(request, 'ordinary')).status, 'succeeded');
}

async function endedRuns({ db }: World, site: string): Promise<number> {
  const rows = await db.selectFrom('results').select('result_id').where('site_id', '=', site).execute();
  return rows.length;
}

/**
 * The most that this thread, enricher's, worked without a turn of its event loop, in ms of its processor time: the machine may be busy with
 * others, and then every clock stops for a while.
 */
async function longestStall(work: () => Promise<void>): Promise<number> {
  let longest = 0;
  let last = process.threadCpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.threadCpuUsage(last);
    longest = Math.max(longest, (user + system) / 1_000);
    last = process.threadCpuUsage();
  }, 5);
  await work();
  clearInterval(timer);
  return longest;
}

async function startVendor(hostile: string) {
  const server = createServer(async (request, response) => {
    await request.toArray();
    response.setHeader('content-type', 'application/json').end(request.url === '/hostile' ? hostile : '{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await waitFor(() => new Promise((resolve) => server.close(() => resolve(true))), { what: 'the vendor to close' });
    },
  };
}
