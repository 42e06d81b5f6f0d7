import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { runId } from '@pressferry/contracts';
import { erase, personByEmail } from '@pressferry/erasure';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { type Decision, decideRun } from '../../packages/admin/src/operate/decide.ts';
import { readQueue } from '../../services/enricher/src/db/queue.ts';
import { SEALING_KEYS, startWorld, testPostgres, vendorsYaml, type World } from '../../services/enricher/test/world.ts';

const MAIN = join(import.meta.dirname, '../../packages/admin/src/main.ts');

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const yaml = (members = '', more = ''): string => `${vendorsYaml()}
automations:
  - name: reply
    on: [comment.created]
    steps:
      - { name: draft, type: llm, vendor: llm, prompt: 'Answer: {{ event.data.content }}' }
      - { name: editor, type: approve, show: { draft: '{{ steps.draft.output.text }}', run: '{{ run.id }}' }${members} }
      - { name: told, type: transform, value: { by: { $value: steps.editor.output.by }, code: { $value: steps.editor.output.error.code } } }
${more}
    result: { by: { $value: steps.told.output.by }, reason: { $value: steps.editor.output.reason }, code: { $value: steps.told.output.code } }
`;

interface Ran {
  code: number;
  output: string;
  document: Record<string, unknown>;
}

/** Runs `pressferry` as an operator does. */
const pressferry = (world: World, ...args: string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const env = { PATH: process.env.PATH, DATABASE_URL: world.databaseUrl, SEALING_KEYS };
    execFile(process.execPath, [MAIN, ...args], { env }, (error, stdout, stderr) => {
      const document = args.includes('--json') || args.includes('approval') ? parsed(stdout) : {};
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: `${stdout}${stderr}`, document });
    });
  });

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

const decide = (world: World, runId: string, decision: Decision['decision'], more: Partial<Decision> = {}) =>
  decideRun(world.db, { runId, decision, by: 'ada', sealReason: null, step: undefined, ...more });

const send = (world: World): Promise<string> =>
  world.send({ type: 'comment.created', data: { content: 'When does the ferry sail?' } });

const waiting = (world: World, run: string) =>
  waitFor(
    () =>
      world.db
        .selectFrom('open_runs')
        .innerJoin('open_steps', 'open_steps.run_id', 'open_runs.run_id')
        .selectAll('open_runs')
        .where('open_runs.run_id', '=', run)
        .where('open_runs.status', '=', 'waiting')
        .where('open_steps.type', '=', 'approve')
        .where('open_steps.started_at', 'is not', null)
        .executeTakeFirst(),
    { what: 'the run to wait' },
  );

test('a run waits for approval without a lease, shows its draft, and goes on once it is approved; who and when is kept', async () => {
  await using world = await startWorld(postgres);
  await world.start(yaml());
  const request = await send(world);
  const run = runId(request, 'reply');
  const row = await waiting(world, run);
  assert.deepEqual([row.lease_owner, row.lease_until], [null, null]);
  const queue = await readQueue(world.db);
  assert.deepEqual(queue.waiting, { delay: 0, approval: 1 });
  assert.ok(queue.oldestApprovalAgeSeconds > 0 && queue.oldestApprovalAgeSeconds < 60);
  assert.ok(queue.approvalTimeoutRatio > 0 && queue.approvalTimeoutRatio < 0.001);
  assert.ok(world.log.some((line) => line.includes('"run.waiting"') && line.includes('"waiting_for":"approval"')));

  const [listed] = (await pressferry(world, 'runs', 'list', '--status', 'waiting', '--json')).document as unknown as [
    Record<string, unknown>,
  ];
  assert.deepEqual([listed?.run_id, listed?.step, listed?.waiting_for], [run, 'editor', 'approval']);
  const { show } = (await pressferry(world, 'runs', 'approval', run)).document;
  assert.match(String((show as { draft: string }).draft), /simulated/);
  assert.equal((show as { run: string }).run, run);
  assert.match((await pressferry(world, 'events', 'show', run)).output, /step editor waits for approval until/);

  const approved = await pressferry(world, 'runs', 'approve', run, '--by', 'ada', '--reason', 'reads well');
  assert.equal(approved.code, 0, approved.output);
  const { output } = await world.result(request, 'reply');
  assert.deepEqual(output, { by: 'ada', reason: 'reads well', code: null });
  const audit = await world.db.selectFrom('audit_log').selectAll().execute();
  assert.deepEqual(
    audit.map(({ actor, action, site_id, detail }) => [actor, action, site_id, detail]),
    [['ada', 'run.approved', 'site-a', { run, step: 'editor' }]],
  );
  assert.match((await pressferry(world, 'events', 'show', run)).output, /step editor approved by ada/);

  const again = await pressferry(world, 'runs', 'approve', run, '--by', 'bob', '--json');
  assert.deepEqual([again.code, again.document.kind, again.document.by], [0, 'already', 'ada']);
  const other = await pressferry(world, 'runs', 'reject', run, '--by', 'bob');
  assert.equal(other.code, 1);
  assert.match(other.output, /was approved by ada at .*, and stays so/);
  assert.equal((await world.db.selectFrom('audit_log').selectAll().execute()).length, 1);
});

test('a rejected run ends, its site is told, and it is neither a dead letter nor an error in the log', async () => {
  await using world = await startWorld(postgres);
  await world.start(yaml());
  const request = await send(world);
  const run = runId(request, 'reply');
  await waiting(world, run);
  const rejected = await pressferry(world, 'runs', 'reject', run, '--by', 'ada', '--reason', 'off topic', '--json');
  assert.deepEqual([rejected.code, rejected.document.kind], [0, 'decided']);
  const result = await world.result(request, 'reply');
  assert.deepEqual([result.status, result.error], ['failed', { code: 'approval_rejected', step: 'editor' }]);
  await waitFor(
    () => world.db.selectFrom('results').select('result_id').where('published_at', 'is not', null).executeTakeFirst(),
    { what: 'the result to be published' },
  );
  const manager = await jetstreamManager(world.connection.nats);
  assert.equal((await manager.streams.info('DEADLETTERS')).state.messages, 0);
  const finished = world.log.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'run.finished');
  assert.deepEqual([finished?.level, finished?.outcome], ['info', 'rejected'], JSON.stringify(finished));
});

test('an automation may go on from a rejection', async () => {
  await using world = await startWorld(postgres);
  await world.start(yaml(', on_error: continue'));
  const request = await send(world);
  const run = runId(request, 'reply');
  await waiting(world, run);
  await decide(world, run, 'rejected');
  assert.deepEqual((await world.result(request, 'reply')).output, {
    by: null,
    reason: null,
    code: 'approval_rejected',
  });
});

test('without a decision the timeout decides as the automation says: it rejects, as a dead letter, or approves', async () => {
  await using world = await startWorld(postgres);
  await world.start(yaml(', timeout: 300ms'));
  const first = await world.result(await send(world), 'reply');
  assert.deepEqual(first.error, { code: 'approval_expired', step: 'editor' });
  assert.equal((await world.deadLetters(1))[0]?.reason, 'approval_expired');

  await using other = await startWorld(postgres);
  await other.start(yaml(', timeout: 300ms, on_timeout: approve'));
  assert.deepEqual((await other.result(await send(other), 'reply')).output, { by: null, reason: null, code: null });
});

test('the reason of a decision is not to be read in Postgres while the run waits to go on, and erasure finds a person in it', async () => {
  await using world = await startWorld(postgres);
  const enricher = await world.start(yaml());
  const request = await send(world);
  const run = runId(request, 'reply');
  await waiting(world, run);
  await enricher[Symbol.asyncDispose]();
  const words = 'asked for by ada.private@example.com';
  const approved = await pressferry(world, 'runs', 'approve', run, '--by', 'bob', '--reason', words);
  assert.equal(approved.code, 0, approved.output);
  const rows = await world.db.selectFrom('open_steps').selectAll().execute();
  assert.ok(rows.some(({ sealed_reason }) => sealed_reason !== null));
  assert.ok(!JSON.stringify(rows).includes('ada.private'), 'the reason is in plain text');
  const person = personByEmail('Ada.Private@example.com');
  const deps = { db: world.db, nats: world.connection.nats, keyring: world.keyring };
  assert.equal((await erase(person, deps, { actor: 'test', dryRun: true })).events, 1);
});

test('of many who decide at once, one is heard, and all others learn what was decided', async () => {
  await using world = await startWorld(postgres);
  await world.start(yaml());
  await world.start(yaml());
  const request = await send(world);
  const run = runId(request, 'reply');
  await waiting(world, run);
  const decisions = await Promise.all(
    Array.from({ length: 16 }, (_, index) =>
      decide(world, run, index % 2 === 0 ? 'approved' : 'rejected', { by: `person-${index}` }),
    ),
  );
  const kinds = decisions.map(({ kind }) => kind);
  assert.deepEqual(
    [kinds.filter((kind) => kind === 'decided').length, kinds.filter((kind) => kind === 'already').length],
    [1, 7],
  );
  const [audit, ...more] = await world.db.selectFrom('audit_log').selectAll().execute();
  assert.equal(more.length, 0);
  const result = await world.result(request, 'reply');
  assert.equal(result.status, audit?.action === 'run.approved' ? 'succeeded' : 'failed');
  const results = await world.db.selectFrom('results').select('result_id').execute();
  assert.equal(results.length, 1);
});

test('a decision outlives a stop of enricher, and counts although its run is looked at only after the timeout', async () => {
  await using world = await startWorld(postgres);
  const enricher = await world.start(yaml(', timeout: 1h'));
  const request = await send(world);
  const run = runId(request, 'reply');
  await waiting(world, run);
  await enricher[Symbol.asyncDispose]();
  assert.equal((await decide(world, run, 'approved')).kind, 'decided');
  const twoHoursAgo = new Date(Date.now() - 7_200_000);
  await world.db.updateTable('open_steps').set({ started_at: twoHoursAgo }).where('name', '=', 'editor').execute();
  await world.start(yaml(', timeout: 1h'));
  assert.equal((await world.result(request, 'reply')).output.by, 'ada');
});

test('what cannot be decided is refused with its reason and changes nothing', async () => {
  await using world = await startWorld(postgres);
  const later = '\n      - { name: chief, type: approve }';
  await world.start(yaml('', later));
  const request = await send(world);
  const run = runId(request, 'reply');
  await waiting(world, run);
  const wrong: [args: string[], code: number, words: RegExp][] = [
    [['approve', run], 2, /--by/],
    [['approve', 'run-7', '--by', 'ada'], 2, /is not the id of a run/],
    [['approve', run, '--by', 'ada'], 1, /more than once: name the step, --step editor/],
  ];
  for (const [args, code, words] of wrong) {
    const ran = await pressferry(world, 'runs', ...args);
    assert.equal(ran.code, code, `${args.join(' ')}: ${ran.output}`);
    assert.match(ran.output, words);
  }
  const why = (decided: Awaited<ReturnType<typeof decide>>) =>
    decided.kind === 'refused' ? decided.why : decided.kind;
  assert.match(why(await decide(world, request, 'approved')), /there is no run/);
  assert.match(why(await decide(world, run, 'approved', { step: 'chief' })), /is at step editor \(waiting\)/);
  assert.equal(why(await decide(world, run, 'approved', { step: 'editor' })), 'decided');
  await waitFor(
    () =>
      world.db
        .selectFrom('open_steps')
        .selectAll()
        .where('name', '=', 'told')
        .where('status', '=', 'succeeded')
        .executeTakeFirst(),
    { what: 'the step behind the first approval' },
  );
  await waiting(world, run);
  assert.equal(why(await decide(world, run, 'approved', { step: 'editor' })), 'already');
  assert.equal(why(await decide(world, run, 'approved', { step: 'chief', by: 'bob' })), 'decided');
  assert.equal((await world.result(request, 'reply')).status, 'succeeded');
  const over = await decide(world, run, 'rejected', { step: 'other' });
  assert.match(why(over), /is succeeded: it does not wait for approval/);
});

test('erasure takes a waiting run with what it shows, and a decision about it is refused', async () => {
  await using world = await startWorld(postgres);
  await world.start(yaml());
  const request = await send(world);
  const run = runId(request, 'reply');
  await waiting(world, run);
  const target = { kind: 'site', siteId: 'site-a' } as const;
  await erase(target, { db: world.db, nats: world.connection.nats, keyring: world.keyring }, { actor: 'test' });
  assert.equal((await world.db.selectFrom('open_steps').selectAll().execute()).length, 0);
  const decided = await decide(world, run, 'approved');
  assert.match(decided.kind === 'refused' ? decided.why : decided.kind, /there is no run/);
});
