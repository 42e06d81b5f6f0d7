import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { serve, type TestPostgres, takeSystemClock, waitFor } from '@pressferry/testing';
import { startWorld, testPostgres } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const vendor = (name: string, settings: string): string => `
  ${name}: { kind: http, base_url_env: CRM_BASE_URL, retry: { base_ms: 1, cap_ms: 1 }, ${settings} }`;
const automation = (name: string): string => `
  - name: ${name}
    on: [form.submitted]
    steps: [{ name: one, type: http, vendor: ${name}, path: /${name}, body: {} }]`;

const NAMES = ['resting', 'limited', 'down'];
const YAML = `
vendors:${vendor('resting', 'rate: { requests_per_minute: 600 }')}${vendor('limited', '')}${vendor('down', 'breaker: { failures: 3, open_ms: 2000 }')}
automations:${NAMES.map(automation).join('')}
`;
const HOUR_MS = 3_600_000;

for (const [way, stepMs] of [
  ['back', -HOUR_MS],
  ['forth', HOUR_MS],
] as const)
  test(`a system clock that is set ${way} by an hour neither keeps a vendor waiting for it nor makes a call twice`, async () => {
    using clock = takeSystemClock();
    await using world = await startWorld(postgres);
    await using vendors = await startVendors();
    const { opsUrl } = await world.start(YAML, { CRM_BASE_URL: vendors.url });
    const event = { type: 'form.submitted', data: { form_id: '7', fields: {} } };
    const requests: string[] = [];
    for (let count = 0; count < 30; count++)
      requests.push(await world.send({ ...event, siteId: `site-${count % 10}` }));
    const isHeld = async (): Promise<boolean> => {
      const metrics = await (await fetch(`${opsUrl}/metrics`)).text();
      return ['vendor_blocked{vendor="limited",cause="limited"} 1', 'vendor_breaker_state{vendor="down"} 2'].every(
        (line) => metrics.includes(`pressferry_enricher_${line}`),
      );
    };
    await waitFor(isHeld, { what: 'a vendor that asked to wait, and one whose breaker is open' });
    clock.step(stepMs);
    for (const request of requests)
      for (const name of NAMES) assert.equal((await world.result(request, name)).status, 'succeeded');
    assert.deepEqual([...vendors.done.values()], Array(NAMES.length * requests.length).fill(1));
  });

/** One answers, one asks once to wait for two seconds, and one is down at first. */
async function startVendors() {
  const done = new Map<string, number>();
  const refusals: Record<string, { left: number; status: number; headers: Record<string, string> }> = {
    '/limited': { left: 1, status: 429, headers: { 'retry-after': '2' } },
    '/down': { left: 4, status: 503, headers: {} },
  };
  const server = createServer(async (request, response) => {
    await request.toArray();
    const refusal = refusals[request.url ?? ''];
    if (refusal !== undefined && refusal.left-- > 0)
      return void response.writeHead(refusal.status, refusal.headers).end();
    const key = String(request.headers['idempotency-key']);
    done.set(key, (done.get(key) ?? 0) + 1);
    response.setHeader('content-type', 'application/json').end('{}');
  });
  return {
    done,
    ...(await serve(server)),
  };
}
