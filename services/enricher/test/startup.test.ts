import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger, parseConfig } from '@pressferry/runtime';
import { freePort, startTestNats, waitFor } from '@pressferry/testing';
import { configSchema, startEnricher } from '../src/enricher.ts';
import { SEALING_KEYS, SUMMARY, vendorsYaml } from './world.ts';

test('without NATS and Postgres it is alive, not ready, and shows its metrics; once NATS is there it starts', async () => {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await startTestNats());
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-startup-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const file = join(folder, 'automations.yaml');
  await writeFile(file, `${vendorsYaml()}${SUMMARY}`);
  const port = await freePort();
  const variables = {
    NATS_URL: nats.url,
    DATABASE_URL: `postgres://nobody@127.0.0.1:${await freePort()}/nothing`,
    SEALING_KEYS,
    AUTOMATIONS_FILE: file,
    OPS_HOST: '127.0.0.1',
    OPS_PORT: String(port),
    LLM_BASE_URL: 'http://127.0.0.1:9/v1',
    LLM_API_KEY: 'k',
    LLM_MODEL: 'm',
    CRM_BASE_URL: 'http://127.0.0.1:9',
    CRM_API_KEY: 'k',
  };
  await nats.kill();
  const logger = createLogger('enricher', 'silent');
  const starting = startEnricher(parseConfig(configSchema, variables), { env: variables, logger });
  starting.catch(() => undefined);
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
  await waitFor(async () => (await get('/livez')).ok, { what: 'the ops server' });

  const metrics = await get('/metrics');
  assert.equal(metrics.status, 200);
  const text = await metrics.text();
  for (const line of [
    'pressferry_enricher_database_up 0',
    'pressferry_enricher_automations 1',
    'process_cpu_seconds_total',
  ])
    assert.ok(text.includes(line), line);
  const ready = await get('/readyz');
  assert.equal(ready.status, 503);
  assert.equal(await ready.text(), 'NATS is not connected\nPostgres takes no writes\n');
  assert.equal((await get('/livez')).status, 200);

  await nats.restart();
  stack.use(await starting);
  assert.equal(await (await get('/readyz')).text(), 'Postgres takes no writes\n');
});
