import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { runId } from '@pressferry/contracts';
import { openDatabase } from '@pressferry/database';
import { erase, personByEmail } from '@pressferry/erasure';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { readLetters, replayLetter } from '../../packages/admin/src/operate/letters.ts';
import { rerunFailed } from '../../packages/admin/src/operate/rerun.ts';
import { backendsThatWait, holdTable, tablesWith } from '../../services/enricher/test/rows.ts';
import { startWorld, testPostgres, vendorsYaml, type World } from '../../services/enricher/test/world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const YAML = `${vendorsYaml()}
automations:
  - name: failing
    on: [comment.created]
    steps: [{ name: post, type: http, vendor: crm, path: /http/echo, body: { content: '{{ event.data.content }}' } }]
`;
const ADA = personByEmail('ada@example.com');
const eraseFrom = (world: World) =>
  erase(ADA, { db: world.db, nats: world.connection.nats, keyring: world.keyring }, { actor: 'test' });
const ofAda = { type: 'comment.created', data: { content: 'from ada@example.com' } };

test('a failed run that is begun again while its event is erased leaves no run behind', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ echo: [{ status: 400 }] });
  await world.start(YAML);
  const request = await world.send(ofAda);
  await world.result(request, 'failing');
  // As after a while: what an erasure finds in the streams it erases a second time.
  const manager = await jetstreamManager(world.connection.nats);
  await waitFor(async () => (await manager.streams.info('DEADLETTERS')).state.messages === 1, { what: 'the letter' });
  for (const stream of ['EVENTS', 'DEADLETTERS']) await manager.streams.purge(stream);
  await using other = openDatabase({ url: world.databaseUrl, applicationName: 'other', poolSize: 1 });
  // The last row that a run which begins again writes.
  const release = await holdTable(other, 'audit_log');
  const again = rerunFailed(world.db, { requestId: request, runId: runId(request, 'failing') }, 'test');
  await waitFor(async () => (await backendsThatWait(world.db)) === 1, { what: 'the run to be begun again' });
  const erasing = eraseFrom(world);
  await waitFor(async () => (await backendsThatWait(world.db)) === 2, { what: 'the erasure to wait for it' });
  await release();
  assert.deepEqual([(await again).kind, (await erasing).events], ['started', 1]);
  assert.deepEqual(await tablesWith(world.db, request), []);
});

test('a letter that is replayed while its person is erased, or after, never brings the event back', async () => {
  await using world = await startWorld(postgres);
  await world.start(YAML);
  const keys = Array.from({ length: 8 }, () => randomUUID());
  // Another body under a key that is taken: a letter with the whole message.
  for (const key of keys) await world.send({ key });
  for (const key of keys) await world.send({ ...ofAda, key, subjectType: 'comment.created' });
  const { nats } = world.connection;
  const letters = await waitFor(
    async () => {
      const found = await readLetters(nats, {}, 100);
      return found.length === keys.length ? found : undefined;
    },
    { what: 'the letters' },
  );
  const replayed = letters.map((letter) => replayLetter(letter, { db: world.db, nats, keep: true, actor: 'test' }));
  await Promise.all([eraseFrom(world), ...replayed]);
  for (const letter of letters) await replayLetter(letter, { db: world.db, nats, keep: true, actor: 'test' });
  const manager = await jetstreamManager(nats);
  const isIdle = async () => {
    const { num_pending, num_ack_pending } = await manager.consumers.info('EVENTS', 'enricher');
    return num_pending + num_ack_pending === 0;
  };
  await waitFor(isIdle, { what: 'the replayed letters to be taken in' });
  for (const { requestId } of letters) assert.deepEqual(await tablesWith(world.db, requestId), []);
  assert.equal(world.vendors.ledger({ endpoint: 'echo' }).calls, 0);
});
