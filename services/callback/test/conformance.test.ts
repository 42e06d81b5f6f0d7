import { createHmac } from 'node:crypto';
import { encodeResult } from '@pressferry/contracts';
import { startOutside, testWorker, type WorkerUnderTest } from '@pressferry/testing/conformance';
import { createWorld, MAIN, type TestResult } from './world.ts';

testWorker(open);

/** No attempt ends by itself while the suite keeps it waiting. */
const PATIENT = { ATTEMPT_TIMEOUT_MS: '60000', FIRST_ATTEMPT_TIMEOUT_MS: '60000' };

async function open(): Promise<WorkerUnderTest> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await createWorld());
  let secret = '';
  const outside = stack.use(
    await startOutside({
      workOf: ({ headers }) => String(headers['x-idempotency-key']),
      accept: ({ headers }, response) => {
        const answer = JSON.stringify({
          status: 'stored',
          result_id: headers['x-idempotency-key'],
          stored_at: new Date().toISOString(),
        });
        const signature = `sha256=${createHmac('sha256', secret).update(answer).digest('hex')}`;
        response.writeHead(200, { 'content-type': 'application/json', 'x-signature': signature }).end(answer);
      },
    }),
  );
  const site = await world.site({ callbackUrl: `${outside.url}/` });
  secret = site.secret;
  const results = new Map<string, TestResult>();
  const resources = stack.move();
  const deliveryOf = (id: string) =>
    world.db.selectFrom('deliveries').selectAll().where('result_id', '=', id).executeTakeFirst();
  const { RETRY_SCHEDULE_MS: _schedule, DATABASE_URL: databaseUrl = '', ...env } = world.env;
  return {
    ...{ databaseUrl, postgres: world.postgres.server, natsUrl: world.nats.url, outside },
    consumer: { stream: 'RESULTS', name: 'callback' },
    queue: { table: 'open_deliveries', key: 'result_id' },
    intake: { table: 'open_deliveries', key: 'result_id' },
    process: {
      name: 'callback',
      cwd: '.',
      args: [MAIN],
      env: { ...env, ...PATIENT, POLL_INTERVAL_MS: '50', LOG_LEVEL: 'info' },
    },
    prepare: async (count) => {
      const made = [];
      for (let left = count; left > 0; left--) {
        const result = await world.result(site, { publish: false });
        results.set(result.resultId, result);
        const message = encodeResult({ ...result, completedAtMs: 0 });
        made.push({ id: result.resultId, intakeId: result.resultId, message });
      }
      return made;
    },
    send: async ({ id, message }) => {
      const result = results.get(id);
      if (result !== undefined) await world.publish(result, {}, message);
    },
    isDone: async ({ id }) => (await deliveryOf(id))?.status === 'acknowledged',
    attempts: async ({ id }) => (await deliveryOf(id))?.attempt_count ?? 0,
    // An acknowledgement counts even then: the site does hold the result.
    lateAnswer: 'refuse',
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
