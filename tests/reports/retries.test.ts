// Report 5, a 409 that is final: HubSpot/hubspot-api-python issue 51, fossasia/eventyay-hubspot issue 25.
// Report 6, 429 without Retry-After: singer-io/tap-hubspot PR 93, HubSpot/hubspot-api-python issue 117, PostHog/posthog PR 64726.
// Report 9, what a bad answer does to others: nearai/ironclaw PR 6911.
// F5 of the attacks on the back half: retries shorter than outages, refused credentials, vendors with a rate.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { FORM, startWorld, testPostgres, vendorsYaml, type World } from '../../services/enricher/test/world.ts';
import { type Call, completion, type Said, startVendor } from './vendor.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const NOTE = `
automations:
  - name: note
    on: [form.submitted]
    steps: [{ name: note, type: http, vendor: crm, path: /notes, body: {} }]
`;
/** The vendor's own defaults for retries. */
const DEFAULTS = vendorsYaml().replaceAll(/retry: .*/g, '');
const QUICK_BREAKER = 'breaker: { failures: 3, open_ms: 200 }';
const LIMITED: Said = { status: 429, body: { status: 'error', category: 'RATE_LIMITS' } };

/** A world with one automation and a vendor that answers as told. */
async function start(stack: AsyncDisposableStack, answer: (call: Call, number: number) => Said, yaml: string) {
  const vendor = stack.use(await startVendor(answer));
  const world = stack.use(await startWorld(postgres));
  const env = { LLM_BASE_URL: `${vendor.url}/v1`, CRM_BASE_URL: vendor.url };
  const { opsUrl } = await world.start(yaml, env);
  return { vendor, world, env, opsUrl };
}

/** An answer for so long after the first call, and success from then on. */
function atFirst(said: Said, forMs: number): (call: Call) => Said {
  let firstAtMs: number | undefined;
  return ({ atMs }) => {
    firstAtMs ??= atMs;
    return atMs - firstAtMs < forMs ? said : { body: {} };
  };
}

/** The wait before a run's second try, as enricher says it. */
const saidWaitMs = ({ log }: World): number => {
  const lines = log.filter((line) => line.includes('"step.attempted"')).map((line) => JSON.parse(line));
  return lines.find((line) => line.retry_in_ms !== undefined)?.retry_in_ms;
};

const sendMany = (world: World, count: number): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => world.send({ ...FORM, siteId: `site-${index % 10}` })));

// They wait more than they work.
describe('calls that fail', { concurrency: 5 }, () => {
  test('a rate limit of ten seconds that asks for nothing costs no lead, with the defaults', async () => {
    await using stack = new AsyncDisposableStack();
    const { vendor, world } = await start(stack, atFirst(LIMITED, 12_000), `${DEFAULTS}${NOTE}`);
    const request = await world.send(FORM);
    assert.equal((await world.result(request, 'note')).status, 'succeeded');
    const [first, second] = vendor.calls;
    assert.ok((second?.atMs ?? 0) - (first?.atMs ?? 0) >= 10_000);
  });

  test('retry-after-ms and the resets of a limit are waited for', async () => {
    for (const headers of [
      { 'retry-after-ms': '700' },
      { 'x-ratelimit-reset-requests': '700ms', 'x-ratelimit-reset-tokens': '100ms' },
    ]) {
      await using stack = new AsyncDisposableStack();
      const said = (_: Call, number: number) => (number === 1 ? { ...LIMITED, headers } : { body: {} });
      const { vendor, world } = await start(stack, said, `${vendorsYaml()}${NOTE}`);
      assert.equal((await world.result(await world.send(FORM), 'note')).status, 'succeeded');
      const [first, second] = vendor.calls;
      const waitedMs = (second?.atMs ?? 0) - (first?.atMs ?? 0);
      assert.ok(waitedMs >= 700, `${waitedMs} ms`);
      assert.ok(saidWaitMs(world) < 5_000, `${saidWaitMs(world)} ms`);
    }
  });

  test('a vendor that asks to come back at once, for seconds, is not called without a pause', async () => {
    await using stack = new AsyncDisposableStack();
    const headers = { 'retry-after': '0', 'retry-after-ms': '0' };
    const said = atFirst({ ...LIMITED, headers }, 3_000);
    const { vendor, world } = await start(stack, said, `${vendorsYaml()}${NOTE}`);
    assert.equal((await world.result(await world.send(FORM), 'note')).status, 'succeeded');
    assert.ok(vendor.calls.length < 15, `${vendor.calls.length} calls`);
  });

  test("of two waits that an answer asks for, its own and a proxy's, the longer one counts", async () => {
    await using stack = new AsyncDisposableStack();
    const headers = { 'retry-after': ['0', '2'] };
    const said = (_: Call, number: number) => (number === 1 ? { status: 503, body: '', headers } : { body: {} });
    const { vendor, world } = await start(stack, said, `${vendorsYaml()}${NOTE}`);
    assert.equal((await world.result(await world.send(FORM), 'note')).status, 'succeeded');
    const [first, second] = vendor.calls;
    assert.ok((second?.atMs ?? 0) - (first?.atMs ?? 0) >= 2_000);
  });

  test('a hundred events at a vendor that takes twenty a second all succeed', async () => {
    await using stack = new AsyncDisposableStack();
    let [tokens, filledMs, taken] = [20, Date.now(), 0];
    const bucket = (): Said => {
      tokens = Math.min(20, tokens + ((Date.now() - filledMs) / 1_000) * 20);
      filledMs = Date.now();
      if (tokens < 1) return { ...LIMITED, headers: { 'retry-after': '1' } };
      tokens--;
      taken++;
      return { body: {} };
    };
    const yaml = `${DEFAULTS.replace('auth:', 'max_concurrency: 40\n    auth:')}${NOTE}`;
    const { vendor, world } = await start(stack, bucket, yaml);
    const requests = await sendMany(world, 100);
    await waitFor(() => taken === 100, { what: 'all to be taken', timeoutMs: 120_000 });
    for (const request of requests) assert.equal((await world.result(request, 'note')).status, 'succeeded');
    assert.ok(vendor.calls.length < 200, `${vendor.calls.length} calls`);
  });

  test('a limit that one replica meets holds back another replica, and a second vendor of the same credential', async () => {
    await using stack = new AsyncDisposableStack();
    const said = (_: Call, number: number) =>
      number === 1 ? { ...LIMITED, headers: { 'retry-after': '4' } } : { body: {} };
    const twin = vendorsYaml().replace('  crm:', '  twin:').split('  twin:')[1];
    const yaml = `${vendorsYaml()}  twin:${twin}${NOTE}
  - name: twin
    on: [post.published]
    steps: [{ name: note, type: http, vendor: twin, path: /twin, body: {} }]
`;
    const { vendor, world, env } = await start(stack, said, yaml);
    await world.send(FORM);
    await waitFor(async () => (await world.db.selectFrom('vendor_blocks').select('vendor').execute()).length === 2, {
      what: 'the limit to be noted',
    });
    const second = await world.start(yaml, env);
    await waitFor(
      async () =>
        (await (await fetch(`${second.opsUrl}/metrics`)).text()).includes(
          'vendor_blocked{vendor="twin",cause="limited"} 1',
        ),
      {
        what: 'the second replica to know of it',
      },
    );
    await world.result(await world.send(), 'twin');
    const [first, ...others] = vendor.calls;
    assert.ok(others.length >= 1);
    for (const { atMs } of others) assert.ok(atMs - (first?.atMs ?? 0) >= 3_900, `${atMs - (first?.atMs ?? 0)} ms`);
  });

  test('events that meet a refused credential are held, a person is called, and they succeed once it is fixed', async () => {
    for (const status of [401, 402, 403]) {
      await using stack = new AsyncDisposableStack();
      let isMended = false;
      const said = () => (isMended ? { body: {} } : { status, body: { category: 'MISSING_SCOPES' } });
      const { vendor, world } = await start(stack, said, `${vendorsYaml(QUICK_BREAKER)}${NOTE}`);
      const requests = await sendMany(world, 50);
      await waitFor(
        () => world.log.some((line) => line.includes('"vendor.denied"') && line.includes('"level":"error"')),
        {
          what: 'the alarm',
        },
      );
      await waitFor(() => vendor.calls.length >= 6, { what: 'a probe' });
      assert.deepEqual(await world.db.selectFrom('results').select('result_id').execute(), []);
      isMended = true;
      for (const request of requests) assert.equal((await world.result(request, 'note')).status, 'succeeded');
      assert.ok(vendor.calls.length < 100, `${vendor.calls.length} calls`);
    }
  });

  test('a credential that is refused to one replica holds back another, and both go on once it is fixed', async () => {
    await using stack = new AsyncDisposableStack();
    let isMended = false;
    const yaml = `${vendorsYaml(QUICK_BREAKER)}${NOTE}`;
    const said = () => (isMended ? { body: {} } : { status: 401, body: '' });
    const { vendor, world, env } = await start(stack, said, yaml);
    const second = await world.start(yaml, env);
    const isHeldBack = async (): Promise<boolean> =>
      (await (await fetch(`${second.opsUrl}/metrics`)).text()).includes(
        'vendor_blocked{vendor="crm",cause="denied"} 1',
      );
    const requests = await sendMany(world, 40);
    await waitFor(isHeldBack, { what: 'the second replica to be held back' });
    await waitFor(() => vendor.calls.length >= 8, { what: 'probes' });
    assert.deepEqual(await world.db.selectFrom('results').select('result_id').execute(), []);
    assert.deepEqual(await world.db.selectFrom('step_attempts').select('run_id').execute(), [], 'none is an attempt');
    isMended = true;
    for (const request of requests) assert.equal((await world.result(request, 'note')).status, 'succeeded');
    assert.ok(vendor.calls.length < 100, `${vendor.calls.length} calls`);
  });

  test('a run goes on beyond five failures of its vendor', async () => {
    await using stack = new AsyncDisposableStack();
    const said = (_: Call, number: number) => (number <= 12 ? { status: 503, body: '' } : { body: {} });
    const { world } = await start(stack, said, `${vendorsYaml()}${NOTE}`);
    assert.equal((await world.result(await world.send(FORM), 'note')).status, 'succeeded');
  });

  test('a conflict is final after one call, and a step can name it as an answer', async () => {
    await using stack = new AsyncDisposableStack();
    const { vendor, world } = await start(
      stack,
      () => ({ status: 409, body: { category: 'CONFLICT' } }),
      `${vendorsYaml()}${NOTE}`,
    );
    const { error } = await world.result(await world.send(FORM), 'note');
    assert.deepEqual([error, vendor.calls.length], [{ code: 'vendor_conflict', step: 'note' }, 1]);
  });

  test('bad answers of one automation do not delay another one of the same vendor', async () => {
    await using stack = new AsyncDisposableStack();
    const yaml = `${vendorsYaml()}
automations:
  - name: bad
    on: [form.submitted]
    steps: [{ name: ask, type: llm, vendor: llm, prompt: 'bad', answer: json }]
  - name: good
    on: [post.published]
    steps: [{ name: ask, type: llm, vendor: llm, prompt: 'good' }]
`;
    const said = ({ body }: Call) => ({ body: completion(body.includes('"bad') ? 'Sure: {"a":1}' : 'Fine.') });
    const { vendor, world, opsUrl } = await start(stack, said, yaml);
    const bad = await Promise.all(Array.from({ length: 8 }, () => world.send(FORM)));
    for (const request of bad)
      assert.deepEqual((await world.result(request, 'bad')).error, { code: 'malformed_answer', step: 'ask' });
    assert.equal(vendor.calls.length, 8);
    // An open breaker would let nothing through for ten seconds.
    assert.match(await (await fetch(`${opsUrl}/metrics`)).text(), /vendor_breaker_state\{vendor="llm"\} 0/);
    assert.equal((await world.result(await world.send(), 'good')).status, 'succeeded');
  });
});
