import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runId } from '@pressferry/contracts';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { FAULT_POINTS as OF_THE_COMMAND } from '../../packages/admin/src/fault-points.ts';
import type { FaultPoint } from '../../services/enricher/src/fault-points.ts';
import { type SpawnedEnricher, spawnEnricher } from '../../services/enricher/test/spawn.ts';
import { SEALING_KEYS, startWorld, testPostgres, vendorsYaml, type World } from '../../services/enricher/test/world.ts';

const ADMIN = join(import.meta.dirname, '../../packages/admin');

let postgres: TestPostgres;
let folder: string;
before(async () => {
  postgres = await testPostgres();
  folder = await mkdtemp(join(tmpdir(), 'pressferry-decisions-'));
});
after(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const YAML = `${vendorsYaml()}
automations:
  - name: reply
    on: [comment.created]
    steps:
      - { name: draft, type: llm, vendor: llm, prompt: 'Answer: {{ event.data.content }}' }
      - { name: editor, type: approve, show: '{{ steps.draft.output.text }}' }
      - { name: contact, type: hubspot, vendor: crm, id: a@example.com }
    result: { by: { $value: steps.editor.output.by } }
`;

let number = 0;
async function spawnArmable(world: World, stack: AsyncDisposableStack) {
  const file = join(folder, `${number++}.txt`);
  const env = { LEASE_MS: '1500', KILL_AT_FILE: file, WORKER_POLL_MS: '50', RESULT_SWEEP_MS: '100' };
  const spawned = stack.use(await spawnEnricher(world, YAML, env, ['--import', './test/kill-at.ts']));
  const killAt = async (point: FaultPoint, passed: number): Promise<void> => {
    await writeFile(file, `${point} ${passed}`);
    spawned.child.kill('SIGUSR2');
    await waitFor(() => spawned.output().includes(`armed ${point}\n`), { what: `${point} to be armed` });
  };
  return { ...spawned, killAt };
}

/** Runs `pressferry` as an operator does; `killAt` has it die there. */
async function pressferry(world: World, args: readonly string[], killAt?: string) {
  const preload = killAt === undefined ? [] : ['--import', join(ADMIN, 'test/kill-at.ts')];
  const env = { PATH: process.env.PATH, DATABASE_URL: world.databaseUrl, SEALING_KEYS, KILL_AT: killAt };
  const child = spawn(process.execPath, [...preload, join(ADMIN, 'src/main.ts'), ...args], { env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return { code, signal, output };
}

const untilKilled = async ({ child, output }: SpawnedEnricher, what: string): Promise<void> => {
  const killed = waitFor(() => child.signalCode === 'SIGKILL', { what: `the kill at ${what}`, timeoutMs: 15_000 });
  await killed.catch((error: unknown) => assert.fail(`${String(error)}\n${output().slice(-2_000)}`));
};

const untilWaiting = (world: World, run: string): Promise<unknown> =>
  waitFor(
    () =>
      world.db
        .selectFrom('open_runs')
        .innerJoin('open_steps', 'open_steps.run_id', 'open_runs.run_id')
        .select('open_runs.run_id')
        .where('open_runs.run_id', '=', run)
        .where('open_runs.status', '=', 'waiting')
        .where('type', '=', 'approve')
        .where('open_steps.started_at', 'is not', null)
        .executeTakeFirst(),
    { what: 'the run to wait for approval', timeoutMs: 15_000 },
  );

const send = (world: World): Promise<string> =>
  world.send({ type: 'comment.created', data: { content: 'When does the ferry sail?' } });

/** One result that names who decided, one line in the audit log, and each vendor called once. */
async function assertOnce(world: World, request: string, what: string): Promise<void> {
  const run = runId(request, 'reply');
  const result = await world.result(request, 'reply');
  assert.deepEqual([result.status, result.output], ['succeeded', { by: 'ada' }], what);
  const results = await world.db.selectFrom('results').select('result_id').where('run_id', '=', run).execute();
  assert.equal(results.length, 1, what);
  const audit = await world.db.selectFrom('audit_log').select(['action', 'detail']).execute();
  const ofRun = audit.filter(({ detail }) => (detail as { run?: string }).run === run);
  assert.deepEqual(
    ofRun.map(({ action }) => action),
    ['run.approved'],
    what,
  );
  for (const [endpoint, step] of [
    ['chat', 'draft'],
    ['contacts', 'contact'],
  ] as const)
    assert.equal(world.vendors.ledger({ endpoint, idempotencyKey: `${run}:${step}` }).calls, 1, `${what}: ${step}`);
}

test('an enricher killed while a run begins to wait, or takes a decision up, leaves one result and calls no vendor twice', {
  timeout: 300_000,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await startWorld(postgres));
  world.vendors.setBehaviours({ idempotent: false });
  let enricher = await spawnArmable(world, stack);
  for (const point of ['run.claimed', 'step.settling', 'step.settled'] as const)
    for (const when of ['begins to wait', 'is decided'] as const) {
      const what = `${point}, a run that ${when}`;
      // The step before the approval passes each point once.
      if (when === 'begins to wait') await enricher.killAt(point, 1);
      const request = await send(world);
      const run = runId(request, 'reply');
      if (when === 'begins to wait') {
        await untilKilled(enricher, what);
        enricher = await spawnArmable(world, stack);
      }
      await untilWaiting(world, run);
      if (when === 'is decided') await enricher.killAt(point, 0);
      const { code, output } = await pressferry(world, ['runs', 'approve', run, '--by', 'ada', '--reason', 'good']);
      assert.equal(code, 0, `${what}: ${output}`);
      if (when === 'is decided') {
        await untilKilled(enricher, what);
        enricher = await spawnArmable(world, stack);
      }
      await assertOnce(world, request, what);
    }
});

test('a command killed in the middle of a decision has decided all or nothing, and its repeat says which', {
  timeout: 120_000,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await startWorld(postgres));
  world.vendors.setBehaviours({ idempotent: false });
  stack.use(await spawnEnricher(world, YAML, { WORKER_POLL_MS: '50' }));
  for (const point of OF_THE_COMMAND) {
    const request = await send(world);
    const run = runId(request, 'reply');
    await untilWaiting(world, run);
    const args = ['runs', 'approve', run, '--by', 'ada'];
    assert.equal((await pressferry(world, args, point)).signal, 'SIGKILL', point);
    if (point === 'decision.stored') await assertOnce(world, request, point);
    const { code, output } = await pressferry(world, args);
    assert.equal(code, 0, output);
    assert.match(output, point === 'decision.stored' ? /was approved by ada at .* already/ : /is approved; the run/);
    await assertOnce(world, request, point);
  }
});
