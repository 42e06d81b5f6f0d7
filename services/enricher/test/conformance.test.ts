import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { jetstreamManager } from '@nats-io/jetstream';
import { requestId, runId } from '@pressferry/contracts';
import type { TestPostgres } from '@pressferry/testing';
import { startOutside, testWorker, type Work, type WorkerUnderTest } from '@pressferry/testing/conformance';
import { SEALING_KEYS, SITES, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

testWorker(open);

const AUTOMATION = 'one-call';
const YAML = `${vendorsYaml()}
automations:
  - name: ${AUTOMATION}
    on: [post.published]
    steps: [{ name: call, type: http, vendor: crm, path: /work, body: {} }]
`;

async function open(): Promise<WorkerUnderTest> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await startWorld(postgres));
  const outside = stack.use(
    await startOutside({
      workOf: ({ headers }) => String(headers['idempotency-key']).split(':')[0] ?? '',
      accept: (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
    }),
  );
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-conformance-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const file = join(folder, 'automations.yaml');
  await writeFile(file, YAML);
  const keys = new Map<Work, { siteId: string; key: string }>();
  const resources = stack.move();
  return {
    ...{ databaseUrl: world.databaseUrl, postgres: postgres.server, natsUrl: world.natsUrl, outside },
    consumer: { stream: 'EVENTS', name: 'enricher' },
    queue: { table: 'open_runs', key: 'run_id' },
    intake: { table: 'events', key: 'request_id' },
    process: {
      name: 'enricher',
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      args: ['--import', '@pressferry/runtime/telemetry', 'src/main.ts'],
      env: {
        ...{ NATS_URL: world.natsUrl, SEALING_KEYS, AUTOMATIONS_FILE: file, WORKER_POLL_MS: '50' },
        ...{ CRM_BASE_URL: outside.url, CRM_API_KEY: 'k' },
        ...{ LLM_BASE_URL: outside.url, LLM_API_KEY: 'k', LLM_MODEL: 'none' },
      },
    },
    prepare: async (count) =>
      Array.from({ length: count }, (_, number) => {
        const event = { siteId: SITES[number % SITES.length] ?? '', key: randomUUID() };
        const intakeId = requestId(event.siteId, event.key);
        const work: Work = { id: runId(intakeId, AUTOMATION), intakeId, message: new Uint8Array() };
        keys.set(work, event);
        return work;
      }),
    send: async (work) => {
      await world.send(keys.get(work) ?? {});
      work.message = await lastMessage(world);
    },
    isDone: async ({ id }) => {
      const result = await world.db.selectFrom('results').select('result_id').where('run_id', '=', id).execute();
      const run = await world.db.selectFrom('runs').select('status').where('run_id', '=', id).executeTakeFirst();
      return result.length === 1 && run?.status === 'succeeded';
    },
    attempts: async ({ id }) => {
      const steps = await world.db.selectFrom('steps').select('attempt_count').where('run_id', '=', id).execute();
      return steps.reduce((sum, { attempt_count }) => sum + attempt_count, 0);
    },
    lateAnswer: 'accept',
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function lastMessage({ connection }: World): Promise<Uint8Array> {
  const { streams } = await jetstreamManager(connection.nats);
  const { state } = await streams.info('EVENTS');
  return (await streams.getMessage('EVENTS', { seq: state.last_seq }))?.data ?? new Uint8Array();
}
