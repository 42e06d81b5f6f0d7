import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { FORM, LEAD, SEALING_KEYS, SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
let folder: string;
before(async () => {
  postgres = await testPostgres();
  folder = await mkdtemp(join(tmpdir(), 'pressferry-process-'));
});
after(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** Runs the service as `npm start` does; resolves once it says that it has started. */
async function spawnEnricher(world: World, yaml: string, env: Record<string, string> = {}) {
  const file = join(folder, 'automations.yaml');
  await writeFile(file, yaml);
  const child = spawn(process.execPath, ['--import', '@pressferry/runtime/telemetry', 'src/main.ts'], {
    cwd: PACKAGE,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      NATS_URL: world.natsUrl,
      DATABASE_URL: world.databaseUrl,
      SEALING_KEYS,
      AUTOMATIONS_FILE: file,
      OPS_HOST: '127.0.0.1',
      OPS_PORT: '0',
      LLM_BASE_URL: `${world.vendors.url}/v1`,
      LLM_API_KEY: 'k',
      LLM_MODEL: 'simulated-1',
      CRM_BASE_URL: world.vendors.url,
      CRM_API_KEY: 'k',
      ...env,
    },
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const opsUrl = (): string | undefined => /"ops_url":"([^"]+)"/.exec(output)?.[1];
  await waitFor(() => opsUrl() ?? child.exitCode !== null, { what: 'enricher to start', timeoutMs: 20_000 });
  return { child, exited, opsUrl: opsUrl() ?? '', output: () => output };
}

test('the process is ready, shows its metrics, and ends with code 0 at SIGTERM, its step in flight finished', async () => {
  await using world = await startWorld(postgres);
  const { child, exited, opsUrl, output } = await spawnEnricher(world, `${vendorsYaml()}${SUMMARY}`);
  await waitFor(async () => (await fetch(`${opsUrl}/readyz`)).ok, { what: 'readiness' });
  assert.equal((await fetch(`${opsUrl}/livez`)).status, 200);
  const request = await world.send();
  await world.result(request, 'summarize-post');
  const metrics = await (await fetch(`${opsUrl}/metrics`)).text();
  for (const line of [
    'pressferry_enricher_events_total{outcome="stored"} 1',
    'pressferry_enricher_runs_total{outcome="succeeded"} 1',
    'pressferry_enricher_steps_total{type="llm",outcome="succeeded"} 1',
    'pressferry_enricher_vendor_breaker_state{vendor="llm"} 0',
    'pressferry_enricher_database_up 1',
  ])
    assert.ok(metrics.includes(line), line);

  world.vendors.setBehaviours({ chat: [{ latencyMs: 700 }] });
  const last = await world.send();
  await waitFor(() => world.db.selectFrom('runs').select('run_id').where('status', '=', 'running').executeTakeFirst(), {
    what: 'a step in flight',
  });
  child.kill('SIGTERM');
  assert.equal(await exited, 0, output());
  assert.equal((await world.result(last, 'summarize-post')).status, 'succeeded');
  const open = await world.db.selectFrom('results').select('result_id').where('published_at', 'is', null).execute();
  assert.deepEqual(open, []);
});

test('a process killed in the middle of a step loses nothing: another finishes its runs, one effect a step', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ idempotent: true, contacts: [{ hang: true, effect: true }] });
  const env = { LEASE_MS: '1500' };
  const first = await spawnEnricher(world, `${vendorsYaml()}${LEAD}`, env);
  const request = await world.send(FORM);
  await waitFor(() => world.vendors.ledger({ endpoint: 'contacts' }).calls === 1, { what: 'the second step' });
  first.child.kill('SIGKILL');
  await first.exited;
  const second = await spawnEnricher(world, `${vendorsYaml()}${LEAD}`, env);
  assert.equal((await world.result(request, 'lead-to-crm')).status, 'succeeded');
  assert.equal(world.vendors.ledger({ endpoint: 'chat' }).calls, 1);
  assert.equal(world.vendors.ledger().keysWithRepeatedEffects, 0);
  second.child.kill('SIGTERM');
  assert.equal(await second.exited, 0);
});

test('faulty automations end the process with code 78 and a list of the faults', async () => {
  await using world = await startWorld(postgres);
  const { exited, output } = await spawnEnricher(world, `${vendorsYaml()}${SUMMARY.replace('prompt', 'promt')}`);
  assert.equal(await exited, 78);
  assert.match(output(), /automations\[0\]\.steps\[0\]\.prompt: Invalid input/);
  assert.match(output(), /automations\[0\]\.steps\[0\]: Unrecognized key: "promt"/);
});
