import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TestPostgres } from '@pressferry/testing';
import { SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('a failed run calls a person in the log, by the key that WordPress knows; one that succeeds does not', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ status: 400, times: 1 }] });
  await world.start(`${vendorsYaml()}${SUMMARY}`);
  for (const level of ['error', 'info']) {
    const request = await world.send();
    await world.result(request, 'summarize-post');
    const { idempotency_key: key } = await world.db
      .selectFrom('events')
      .select('idempotency_key')
      .where('request_id', '=', request)
      .executeTakeFirstOrThrow();
    const lines = world.log.map((line) => JSON.parse(line)).filter(({ idempotency_key }) => idempotency_key === key);
    assert.equal(lines.find(({ msg }) => msg === 'run.finished')?.level, level);
    for (const message of ['event.taken_in', 'step.attempted', 'run.finished'])
      assert.ok(
        lines.some(({ msg }) => msg === message),
        message,
      );
  }
});
