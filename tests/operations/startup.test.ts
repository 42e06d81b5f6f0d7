import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { consumerDefinitions, STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { migrate, openDatabase } from '@pressferry/database';
import { applyStreams, openConnection } from '@pressferry/jetstream';
import { applySitesBucket, markPublished } from '@pressferry/sites';
import { freePort, startTestNats, startTestPostgres, type TestPostgres, waitFor } from '@pressferry/testing';

const ROOT = join(import.meta.dirname, '../..');
const NO_NATS = 'NATS is not connected';
const NO_SITES = 'the sites have not been read';

/** Each service with what it says while NATS and Postgres are away. Callback answers polls without Postgres, with a 503 of its own. */
const SERVICES = {
  ingress: [NO_NATS, NO_SITES, 'not listening yet'],
  enricher: [NO_NATS, 'Postgres takes no writes', 'not taking events yet'],
  callback: [NO_NATS, NO_SITES, 'not listening yet'],
} as const;
type Service = keyof typeof SERVICES;

const resources = new AsyncDisposableStack();
let nats: Awaited<ReturnType<typeof startTestNats>>;
let postgres: TestPostgres['server'];
before(async () => {
  nats = resources.use(await startTestNats());
  postgres = resources.use(await startTestPostgres()).server;
  await using db = openDatabase({ url: postgres.url, applicationName: 'test' });
  await migrate(db);
  await using connection = await openConnection({ url: nats.url, name: 'test' });
  await applyStreams(connection.nats, streamDefinitions(STREAM_DEFAULTS), consumerDefinitions({ shards: 1 }));
  await markPublished(await applySitesBucket(connection.nats, 1));
});
after(() => resources.disposeAsync());

/** A service as it runs in production: its `main.ts` in its own process, telemetry preloaded. */
async function launch(service: Service): Promise<Launched> {
  const opsPort = await freePort();
  const child = spawn(process.execPath, ['--import', '@pressferry/runtime/telemetry', 'src/main.ts'], {
    cwd: join(ROOT, 'services', service),
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      NATS_URL: nats.url,
      DATABASE_URL: postgres.url,
      SEALING_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}`,
      OPS_HOST: '127.0.0.1',
      OPS_PORT: String(opsPort),
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: '0',
      INSECURE: 'true',
      AUTOMATIONS_FILE: join(ROOT, 'packages/testing/src/journey/automation.yaml'),
      JOURNEY_VENDOR_URL: 'http://127.0.0.1:9',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [log, errors, closed] = [text(child.stdout), text(child.stderr), once(child, 'close')];
  const get = async (path: string): Promise<[status: number, body: string]> => {
    const response = await fetch(`http://127.0.0.1:${opsPort}${path}`, { signal: AbortSignal.timeout(5_000) });
    return [response.status, await response.text()];
  };
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null;
  await waitFor(async () => !isAlive() || (await get('/livez'))[0] === 200, { what: `${service}'s ops server` });
  if (!isAlive()) assert.fail(`${service} ended: ${await log}${await errors}`);
  return {
    get,
    isAlive,
    async stop() {
      child.kill('SIGTERM');
      const [code] = (await closed) as [number | null];
      return { code, log: await log, errors: await errors };
    },
    async [Symbol.asyncDispose]() {
      if (isAlive()) child.kill('SIGKILL');
      await closed;
    },
  };
}

interface Launched extends AsyncDisposable {
  get: (path: string) => Promise<[status: number, body: string]>;
  isAlive: () => boolean;
  /** Sends SIGTERM and waits for the end. */
  stop: () => Promise<{ code: number | null; log: string; errors: string }>;
}

/** Of a value that a process reports of itself. */
async function measured({ get }: Launched, metric: string): Promise<number> {
  const [status, page] = await get('/metrics');
  assert.equal(status, 200);
  const value = new RegExp(`^${metric} (\\S+)$`, 'm').exec(page)?.[1];
  assert.ok(value !== undefined, `${metric} is not on /metrics`);
  return Number(value);
}

for (const [service, reasons] of Object.entries(SERVICES) as [Service, readonly string[]][]) {
  test(`${service} without NATS and Postgres is alive, not ready and measured; it is well by itself once they are there`, async () => {
    await Promise.all([nats.kill(), postgres.stop()]);
    await using process = await launch(service);
    assert.deepEqual(await process.get('/readyz'), [503, `${reasons.join('\n')}\n`]);
    assert.ok((await measured(process, 'process_cpu_seconds_total')) > 0);
    assert.ok((await measured(process, 'nodejs_eventloop_lag_seconds')) >= 0);
    assert.match((await process.get('/metrics'))[1], new RegExp(`^pressferry_${service}_`, 'm'));

    // It goes on waiting, however often it is scraped, and says the same.
    const startedS = await measured(process, 'process_start_time_seconds');
    const waited = async (): Promise<boolean> => {
      await measured(process, 'process_cpu_seconds_total');
      return Date.now() / 1000 - startedS > 4;
    };
    await waitFor(waited, { what: 'four seconds without NATS and Postgres', everyMs: 50 });
    assert.deepEqual(await process.get('/livez'), [200, 'ok\n']);
    assert.deepEqual(await process.get('/readyz'), [503, `${reasons.join('\n')}\n`]);

    await Promise.all([nats.restart(), postgres.restart()]);
    await waitFor(async () => (await process.get('/readyz'))[0] === 200, { what: 'readiness' });
    assert.equal(await measured(process, 'process_start_time_seconds'), startedS);
    const { code, log, errors } = await process.stop();
    assert.deepEqual([code, errors], [0, '']);
    assert.match(log, /"msg":"service\.started"/);
  });
}

for (const service of Object.keys(SERVICES) as Service[]) {
  test(`${service} that still waits for NATS and Postgres stops when it is told to, with exit code 0`, async () => {
    await Promise.all([nats.kill(), postgres.stop()]);
    await using process = await launch(service);
    const { code, errors } = await process.stop();
    assert.deepEqual([code, errors], [0, '']);
    await Promise.all([nats.restart(), postgres.restart()]);
  });
}
