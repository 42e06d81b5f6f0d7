import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { SEALING_KEYS, SUMMARY, startWorld, testPostgres, vendorsYaml } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

test('an event that is sealed under a key that enricher was not given is held, and runs once the key is there', async () => {
  await using world = await startWorld(postgres);
  const yaml = `${vendorsYaml()}${SUMMARY}`;
  const without = await world.start(yaml, { SEALING_KEYS: `other:${Buffer.alloc(32, 1).toString('base64')}` });
  const request = await world.send();
  const complained = () => world.log.some((line) => line.includes('key_missing') && line.includes('"key_id":"k1"'));
  await waitFor(complained, { what: 'enricher to name the missing key' });
  await without[Symbol.asyncDispose]();
  await world.start(yaml, { SEALING_KEYS });
  assert.equal((await world.result(request, 'summarize-post')).status, 'succeeded');
  const rows = await world.db.selectFrom('events').select('request_id').execute();
  assert.deepEqual(rows, [{ request_id: request }]);
});
