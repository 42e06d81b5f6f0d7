import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { erase, personByEmail } from '@pressferry/erasure';
import { secretContext } from '@pressferry/sites';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { sql } from 'kysely';
import { tablesWith } from './rows.ts';
import { FORM, LEAD, SUMMARY, startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const YAML = `${vendorsYaml()}${SUMMARY}${LEAD.replace('automations:\n', '')}`;
const formOf = (email: string) => ({ ...FORM, data: { ...FORM.data, fields: { ...FORM.data.fields, email } } });

const storedIds = async ({ db }: World) => {
  const rows = await db.selectFrom('events').select('request_id').execute();
  return rows.map(({ request_id }) => request_id).sort();
};
const messagesIn = async (world: World, stream: string) =>
  (await (await jetstreamManager(world.connection.nats)).streams.info(stream)).state.messages;
const eraseFrom = (world: World, target: Parameters<typeof erase>[0], options = {}) =>
  erase(target, { db: world.db, nats: world.connection.nats, keyring: world.keyring }, { actor: 'test', ...options });

test('what names a person goes from Postgres and the streams, and the audit log does not name the person', async () => {
  await using world = await startWorld(postgres);
  await world.start(YAML);
  // One after the other: results that are stored together share a message on RESULTS.
  const ada = await world.send(formOf('Ada@Example.com'));
  await world.result(ada, 'lead-to-crm');
  const grace = await world.send(formOf('grace@example.com'));
  await world.result(grace, 'lead-to-crm');
  const post = await world.send();
  await world.result(post, 'summarize-post');
  await waitFor(async () => (await messagesIn(world, 'RESULTS')) === 3, { what: 'three results' });

  const target = personByEmail('ada@example.com');
  assert.deepEqual(await eraseFrom(world, target, { dryRun: true }), { events: 1, messages: 2, unreadable: 0 });
  assert.equal((await storedIds(world)).length, 3, 'a dry run erased something');
  assert.deepEqual(await eraseFrom(world, target), { events: 1, messages: 2, unreadable: 0 });
  assert.deepEqual(await storedIds(world), [grace, post].sort());
  assert.deepEqual([await messagesIn(world, 'EVENTS'), await messagesIn(world, 'RESULTS')], [2, 2]);
  const { detail } = await world.db.selectFrom('audit_log').select('detail').executeTakeFirstOrThrow();
  assert.ok(!JSON.stringify(detail).includes('example.com'), 'the audit log names the person');
  assert.deepEqual(await eraseFrom(world, target), { events: 0, messages: 0, unreadable: 0 });
});

test('an erased event that JetStream delivers again is not stored again, and its vendors are not called', async () => {
  await using world = await startWorld(postgres);
  await world.start(YAML);
  const request = await world.send();
  await world.result(request, 'summarize-post');
  const calls = world.vendors.ledger().calls;
  await sql`insert into erased_events (request_id) values (${request})`.execute(world.db);
  await sql`delete from events where request_id = ${request}`.execute(world.db);
  const manager = await jetstreamManager(world.connection.nats);
  await manager.consumers.delete('EVENTS', 'enricher');
  const dropped = () => world.log.some((line) => line.includes('"outcome":"erased"') && line.includes(request));
  await waitFor(dropped, { what: 'the event to come again' });
  assert.deepEqual(await storedIds(world), []);
  assert.equal(world.vendors.ledger().calls, calls);
});

test('everything of an object, or of a site, goes, and nothing of another', async () => {
  await using world = await startWorld(postgres);
  await world.start(YAML);
  const sent = [
    await world.send({ objectRef: '1' }),
    await world.send({ objectRef: '2' }),
    await world.send({ objectRef: '1', siteId: 'site-b' }),
  ];
  await Promise.all(sent.map((request) => world.result(request, 'summarize-post')));
  assert.equal((await eraseFrom(world, { kind: 'object', siteId: 'site-a', objectRef: '1' })).events, 1);
  assert.deepEqual(await storedIds(world), sent.slice(1).sort());
  assert.equal((await eraseFrom(world, { kind: 'site', siteId: 'site-a' })).events, 1);
  assert.deepEqual(await storedIds(world), sent.slice(2));
});

test('a site asks for the erasure of a person by an event, and the person is gone', async () => {
  await using world = await startWorld(postgres);
  const secret = 'the secret of the site';
  await world.db
    .insertInto('site_secrets')
    .values({ site_id: 'site-a', sealed_secret: world.keyring.seal(secret, secretContext('site-a')) })
    .execute();
  await world.start(YAML, { ERASURE_EVERY_MS: '100' });
  const ada = await world.send(formOf('ada@example.com'));
  const elsewhere = await world.send({ ...formOf('ada@example.com'), siteId: 'site-b' });
  await Promise.all([ada, elsewhere].map((request) => world.result(request, 'lead-to-crm')));
  const subject_hash = createHmac('sha256', secret).update('ada@example.com').digest('hex');
  const asked = await world.send({ type: 'subject.erasure_requested', data: { request_id: 9, subject_hash } });
  await waitFor(async () => !(await storedIds(world)).includes(ada), { what: 'the erasure' });
  assert.deepEqual(await storedIds(world), [asked, elsewhere].sort());
});

test('a text that does not open is counted, because no one knows whom it names', async () => {
  await using world = await startWorld(postgres);
  await world.start(YAML);
  const request = await world.send(formOf('ada@example.com'));
  await world.result(request, 'lead-to-crm');
  await sql`update events set sealed_body = replace(sealed_body, 'pf1.k1.', 'pf1.gone.')`.execute(world.db);
  const { events, unreadable } = await eraseFrom(world, personByEmail('nobody@example.com'));
  assert.deepEqual([events, unreadable], [0, 1]);
});

const HELD = `${vendorsYaml()}
automations:
  - name: held
    on: [comment.created]
    steps: [{ name: editor, type: approve, show: { said: '{{ event.data.content }}' } }]
  - name: refused
    on: [comment.created]
    steps: [{ name: refused, type: http, vendor: crm, path: /no-such-endpoint, body: { said: '{{ event.data.content }}' } }]
  - name: asked
    on: [comment.created]
    steps: [{ name: ask, type: llm, vendor: llm, prompt: '{{ event.data.content }}' }]
`;

test('a person goes with what waits for approval, what is with a vendor, and what failed, and does not come back when the vendor answers', async () => {
  await using world = await startWorld(postgres);
  world.vendors.setBehaviours({ chat: [{ latencyMs: 4_000 }] });
  await world.start(HELD);
  const content = '<a href="mailto:Ada%2Bshop%40Example.com">write to me</a>';
  const ada = await world.send({ type: 'comment.created', data: { content } });
  const runs = async () => (await world.db.selectFrom('runs').select(['automation', 'status']).execute()).sort();
  await waitFor(
    async () => {
      const states = Object.fromEntries((await runs()).map(({ automation, status }) => [automation, status]));
      return states.held === 'waiting' && states.refused === 'failed' && (await messagesIn(world, 'DEADLETTERS')) === 1;
    },
    { what: 'a run to wait and another to fail' },
  );
  const done = await eraseFrom(world, personByEmail('ada@example.com'));
  assert.deepEqual([done.events, done.unreadable], [1, 0]);
  await waitFor(() => world.vendors.ledger({ endpoint: 'chat' }).calls === 1, { what: 'the call' });
  const asked = () => world.log.some((line) => line.includes('"step.attempted"') && line.includes('"step":"ask"'));
  await waitFor(asked, { what: 'the vendor to answer' });
  assert.deepEqual(await tablesWith(world.db, ada), []);
  for (const stream of ['EVENTS', 'RESULTS', 'DEADLETTERS']) assert.equal(await messagesIn(world, stream), 0, stream);
});
