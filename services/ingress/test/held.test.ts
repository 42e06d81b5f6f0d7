import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SiteRecord } from '@pressferry/sites';
import { ownTime, startTestNats, startTestNatsCluster, type TestSender, waitFor } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { type Answer, joinWorld, post } from './world.ts';

const outcome = ({ status, body }: Answer): number | string => body.code ?? status;

const paused = (max: number): Partial<SiteRecord> => ({
  status: 'paused',
  paused_at: new Date().toISOString(),
  settings: { max_held_events: max },
});

for (const [fault, begin, end] of [
  ['away', 'SIGKILL', undefined],
  ['hanging', 'SIGSTOP', 'SIGCONT'],
] as const) {
  test(`a paused site with NATS ${fault}: 503 with Retry-After in under 2 s`, async () => {
    await using nats = await startTestNats();
    await using world = await joinWorld(nats.url);
    await using ingress = await world.start();
    const site = await world.site(paused(10), ingress);
    if (end === undefined) await nats.kill();
    else process.kill(nats.pid, begin);
    try {
      using time = ownTime();
      const answer = await post(ingress.apiUrl, site);
      assert.deepEqual([answer.status, outcome(answer)], [503, 'stream_unavailable']);
      assert.ok(Number(answer.headers['retry-after']) >= 1);
      assert.ok(time.elapsedMs() < 2_000, `took ${time.elapsedMs()} ms`);
    } finally {
      if (end !== undefined) process.kill(nats.pid, end);
    }
  });
}

test('in a cluster the bound holds over three replicas, except for what each takes within a second', async () => {
  await using cluster = await startTestNatsCluster();
  await using world = await joinWorld(cluster.urls.join(','), { replicas: 3 });
  await using resources = new AsyncDisposableStack();
  const replicas = [await world.start(), await world.start(), await world.start()];
  for (const replica of replicas) resources.use(replica);
  const max = 10;
  const site = await world.site(paused(max), ...replicas);
  const burst = (): Promise<Answer[]> =>
    Promise.all(Array.from({ length: 60 }, (_, at) => post(replicas[at % 3]?.apiUrl ?? '', site)));
  const answers = await burst();
  const accepted = answers.filter(({ status }) => status === 202).length;
  for (const answer of answers)
    assert.ok([202, 'site_backlog_full'].includes(outcome(answer)), String(outcome(answer)));
  assert.ok(accepted >= max && accepted <= max * replicas.length, String(accepted));
  assert.equal((await world.events(site.siteId)).length, accepted);
  // Once the counts are read again, all agree.
  await Promise.all(replicas.map((replica) => untilFull(replica, site)));
  const more = await burst();
  assert.deepEqual(new Set(more.map(outcome)), new Set(['site_backlog_full']));
  // The counting leaves nothing behind.
  await waitFor(async () => (await world.manager.streams.info('EVENTS')).state.consumer_count === 1, {
    what: 'only the durable consumer to be left',
  });
});

const untilFull = ({ apiUrl }: Ingress, site: TestSender): Promise<unknown> =>
  waitFor(async () => outcome(await post(apiUrl, site)) === 'site_backlog_full', { what: 'a full backlog' });
