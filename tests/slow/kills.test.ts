import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { runId } from '@pressferry/contracts';
import { readBudgets, setBudget } from '@pressferry/database';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { FAULT_POINTS, type FaultPoint } from '../../services/enricher/src/fault-points.ts';
import { type SpawnedEnricher, spawnEnricher } from '../../services/enricher/test/spawn.ts';
import { FORM, LEAD, startWorld, testPostgres, vendorsYaml, type World } from '../../services/enricher/test/world.ts';

let postgres: TestPostgres;
let folder: string;
before(async () => {
  postgres = await testPostgres();
  folder = await mkdtemp(join(tmpdir(), 'pressferry-kills-'));
});
after(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const REFUSED = `
  - name: refused
    on: [post.published]
    steps: [{ name: refused, type: http, vendor: crm, path: /no-such-endpoint, body: {} }]
`;
const YAML = `${vendorsYaml()}${LEAD}${REFUSED}`;

/** A kill: the point, after how many passages, and whose call it may leave unknown: that one may be made again, and no other. */
interface Kill {
  point: FaultPoint;
  passed: number;
  inFlight: 'chat' | 'contacts' | null;
}

const OF_A_MODEL: readonly FaultPoint[] = ['call.reserved', 'spend.settled'];
const OF_A_STEP: readonly FaultPoint[] = [
  'run.claimed',
  'call.sending',
  'call.answered',
  'step.settling',
  'step.settled',
];
const OF_A_FAILURE: readonly FaultPoint[] = ['letter.published', 'result.published'];
const UNSETTLED: readonly FaultPoint[] = ['call.reserved', 'call.sending', 'call.answered'];
const UNKNOWN: readonly FaultPoint[] = ['call.answered', 'spend.settled', 'step.settling'];

const KILLS: Kill[] = FAULT_POINTS.flatMap((point) => {
  if (OF_A_FAILURE.includes(point)) return [];
  const kill = (passed: number, step: 'chat' | 'contacts'): Kill => ({
    ...{ point, passed, inFlight: UNKNOWN.includes(point) ? step : null },
  });
  return OF_A_STEP.includes(point) ? [kill(0, 'chat'), kill(1, 'contacts')] : [kill(0, 'chat')];
});

let number = 0;
/** An enricher that can be told where to die. */
async function spawnArmable(
  world: World,
  stack: AsyncDisposableStack,
): Promise<SpawnedEnricher & { killAt: (point: FaultPoint, passed: number) => Promise<void> }> {
  const file = join(folder, `${number++}.txt`);
  const env = { LEASE_MS: '1500', KILL_AT_FILE: file, WORKER_POLL_MS: '50', RESULT_SWEEP_MS: '100' };
  const spawned = stack.use(await spawnEnricher(world, YAML, env, ['--import', './test/kill-at.ts']));
  return {
    ...spawned,
    killAt: async (point, passed) => {
      await writeFile(file, `${point} ${passed}`);
      spawned.child.kill('SIGUSR2');
      await waitFor(() => spawned.output().includes(`armed ${point}\n`), { what: `${point} to be armed` });
    },
  };
}

test('every fault point is one that a test kills at', () => {
  const killed = new Set([...KILLS.map(({ point }) => point), ...OF_A_FAILURE]);
  assert.deepEqual(
    FAULT_POINTS.filter((point) => !killed.has(point)),
    [],
  );
  assert.ok(OF_A_MODEL.every((point) => killed.has(point)));
});

test('a process killed at any point of a run leaves one result, no call made twice but the one in flight, and no budget overspent', {
  timeout: 300_000,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await startWorld(postgres));
  // The vendors do their work whatever key comes: a second call would be a second effect.
  world.vendors.setBehaviours({ idempotent: false });
  const capTokens = 40_000;
  await setBudget(world.db, { scope: 'all', name: '', period: 'day', capMicros: null, capTokens, onExhausted: 'hold' });
  let reservedTokens = 0;
  let enricher = await spawnArmable(world, stack);
  for (const { point, passed, inFlight } of KILLS) {
    const what = `${point}, passed ${passed} times before`;
    await enricher.killAt(point, passed);
    const key = randomUUID();
    const request = await world.send({ ...FORM, key });
    await untilKilled(enricher, what);
    enricher = await spawnArmable(world, stack);
    assert.equal((await world.result(request, 'lead-to-crm')).status, 'succeeded', what);
    const run = runId(request, 'lead-to-crm');
    const results = await world.db.selectFrom('results').select('result_id').where('run_id', '=', run).execute();
    assert.equal(results.length, 1, what);
    for (const [endpoint, step] of [
      ['chat', 'score'],
      ['contacts', 'contact'],
    ] as const) {
      const { calls } = world.vendors.ledger({ endpoint, idempotencyKey: `${run}:${step}` });
      assert.equal(calls, inFlight === endpoint ? 2 : 1, `${what}: calls of ${endpoint}`);
    }
    const [budget] = await readBudgets(world.db);
    assert.ok(budget !== undefined);
    const counted = budget.spentTokens + budget.reservedTokens;
    assert.ok(counted <= capTokens, `${what}: ${counted} tokens`);
    // A call that may have been made, and was not settled, stays reserved.
    const isUnsettled = passed === 0 && UNSETTLED.includes(point);
    assert.equal(
      budget.reservedTokens > reservedTokens,
      isUnsettled,
      `${what}: ${budget.reservedTokens} tokens reserved`,
    );
    reservedTokens = budget.reservedTokens;
  }
});

async function untilKilled({ child, output }: SpawnedEnricher, what: string): Promise<void> {
  const killed = waitFor(() => child.signalCode === 'SIGKILL', { what: `the kill at ${what}`, timeoutMs: 15_000 });
  await killed.catch((error: unknown) => assert.fail(`${String(error)}\n${output().slice(-2_000)}`));
}

test('a process killed while it tells of a failed run leaves one result and one dead letter', {
  timeout: 120_000,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await startWorld(postgres));
  const manager = await jetstreamManager(world.connection.nats);
  const messagesOf = async (stream: string) => (await manager.streams.info(stream)).state.messages;
  let enricher = await spawnArmable(world, stack);
  for (const [index, point] of OF_A_FAILURE.entries()) {
    await enricher.killAt(point, 0);
    const request = await world.send();
    await untilKilled(enricher, point);
    enricher = await spawnArmable(world, stack);
    assert.deepEqual((await world.result(request, 'refused')).error, { code: 'vendor_refused', step: 'refused' });
    const open = () => world.db.selectFrom('results').select('run_id').where('published_at', 'is', null).execute();
    await waitFor(async () => (await open()).length === 0, { what: 'the result to be published' });
    assert.deepEqual([await messagesOf('RESULTS'), await messagesOf('DEADLETTERS')], [index + 1, index + 1], point);
  }
});
