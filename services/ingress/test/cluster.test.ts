import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { signedRequest, startTestNatsCluster, type TestSender, waitFor } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { type Answer, ask, becomes, joinWorld, outcome, post, send, spread, untilEnd } from './world.ts';

const cluster = untilEnd(await startTestNatsCluster());
const world = untilEnd(await joinWorld(cluster.urls.join(','), { replicas: 3 }));
/** Three replicas, each by its own server, as the pods of a deployment spread over them. */
async function startThree(env: Record<string, string> = {}): Promise<Ingress[]> {
  const replicas: Ingress[] = [];
  for (const at of [0, 1, 2]) {
    const urls = [...cluster.urls.slice(at), ...cluster.urls.slice(0, at)].join(',');
    replicas.push(untilEnd(await world.start({ NATS_URL: urls, PUBLISH_TIMEOUT_MS: '3000', ...env })));
  }
  return replicas;
}
const replicas = await startThree();
const at = (index: number): Ingress => replicas[index % 3] as Ingress;
const times = (answers: Answer[], wanted: number | string): number =>
  answers.filter((answer) => outcome(answer) === wanted).length;

/** The node that leads a stream. */
async function leaderOf(stream: string): Promise<number> {
  const leader = async (): Promise<string | undefined> => (await world.manager.streams.info(stream)).cluster?.leader;
  const name = await waitFor(leader, { what: `a leader of ${stream}` });
  return Number(name.replace('node-', ''));
}

/** Kills the leader of a stream while `work` is going on, and brings it back when that is done. */
async function killingLeader<T>(stream: string, work: (kill: () => Promise<void>) => Promise<T>): Promise<T> {
  const node = await leaderOf(stream);
  try {
    return await work(() => cluster.kill(node));
  } finally {
    await cluster.restart(node);
    await cluster.ready();
  }
}

/** Sends the same event, freshly signed each time, until it is accepted: what a sender does with a 503. */
function sendUntilAccepted(site: TestSender, event: Record<string, unknown>, first = 0): Promise<Answer> {
  let next = first;
  return waitFor(
    async () => {
      const answer = await post(at(next++), site, { event });
      if (answer.status === 202) return answer;
      assert.equal(answer.body.code, 'stream_unavailable');
      assert.ok(Number(answer.headers['retry-after']) >= 1);
      return undefined;
    },
    { what: 'an event to be accepted', everyMs: 50 },
  );
}

test('the streams have three replicas each', async () => {
  for (const stream of ['EVENTS', 'REPLAY', 'KV_sites']) {
    const { config, cluster: placed } = await world.manager.streams.info(stream);
    assert.deepEqual([config.num_replicas, placed?.replicas?.length], [3, 2], stream);
  }
});

test('concurrent repeats of a key through three replicas: stored once, one duplicate:false, one request_id', async () => {
  const site = await world.site({}, ...replicas);
  for (let round = 0; round < 5; round++) {
    const { event } = signedRequest(site);
    const answers = await spread(replicas, 24, (to) => post(to, site, { event }));
    assert.equal(times(answers, 202), 24);
    assert.equal(new Set(answers.map(({ body }) => body.request_id)).size, 1);
    assert.equal(answers.filter(({ body }) => body.duplicate === false).length, 1);
    assert.equal(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true').length, 23);
  }
  assert.equal((await world.events(site.siteId)).length, 5);
});

test('two bodies under one key at once through three replicas: one is stored, the other 422 everywhere', async () => {
  const site = await world.site({}, ...replicas);
  const { event } = signedRequest(site);
  const other = { ...event, object_ref: 'entry-2' };
  const answers = await spread(replicas, 6, (to, index) => post(to, site, { event: index % 2 === 0 ? event : other }));
  const stored = await world.events(site.siteId);
  assert.equal(stored.length, 1);
  const winner = JSON.parse(Buffer.from(stored[0]?.body ?? '').toString()).object_ref === event.object_ref ? 0 : 1;
  for (const [index, answer] of answers.entries())
    assert.equal(outcome(answer), index % 2 === winner ? 202 : 'idempotency_key_reused');
});

test('one jti through three replicas at once: one 202, all others token_replayed', async () => {
  const site = await world.site({}, ...replicas);
  for (let round = 0; round < 5; round++) {
    const claims = { jti: randomUUID() };
    const answers = await spread(replicas, 12, (to) => post(to, site, { claims }));
    assert.deepEqual([times(answers, 202), times(answers, 'token_replayed')], [1, 11], String(answers.map(outcome)));
  }
  assert.equal((await world.events(site.siteId)).length, 5);
});

test('asking for the state of an event stores nothing in a cluster either, and leaves the key usable', async () => {
  const site = await world.site({}, ...replicas);
  const key = randomUUID();
  const before = (await world.manager.streams.info('EVENTS')).state;
  // One after the other, then a burst at once, while a first one may be in process.
  for (const count of [1, 1, 1, 12])
    assert.equal(times(await spread(replicas, count, (to) => ask(to, site, key)), 'event_unknown'), count);
  const { state } = await world.manager.streams.info('EVENTS');
  assert.deepEqual([state.messages, state.last_seq], [before.messages, before.last_seq]);

  const accepted = await post(at(0), site, { event: { idempotency_key: key } });
  assert.deepEqual([accepted.status, accepted.body.duplicate], [202, false]);
  for (const replica of replicas) {
    const { status, body } = await ask(replica, site, key);
    assert.deepEqual([status, body.status, body.request_id], [200, 'accepted', accepted.body.request_id]);
  }
  assert.deepEqual(
    (await world.events(site.siteId)).map(({ idempotencyKey }) => idempotencyKey),
    [key],
  );
});

test("the leader of EVENTS killed under load: every 202 is stored, once; every key's repeat is a duplicate afterwards", async () => {
  const site = await world.site({}, ...replicas);
  const events = Array.from({ length: 300 }, () => signedRequest(site).event);
  const accepted = new Map<string, string>();
  await killingLeader('EVENTS', async (kill) => {
    const queue = [...events.entries()];
    let killing: Promise<void> | undefined;
    const sender = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [index, event] = next;
        const { body } = await sendUntilAccepted(site, event, index);
        accepted.set(String(event.idempotency_key), body.request_id ?? '');
        if (accepted.size === 100) killing = kill();
      }
    };
    await Promise.all(Array.from({ length: 12 }, sender));
    await killing;
    // Read back while one server is missing still.
    const stored = await waitFor(
      async () => {
        const found = await world.events(site.siteId);
        return found.length >= events.length && found;
      },
      { what: 'all events to be read back' },
    );
    const ids = stored.map(({ requestId }) => requestId);
    assert.deepEqual(ids.toSorted(), [...accepted.values()].toSorted());
    assert.equal(new Set(ids).size, events.length);
    for (const [index, event] of events.entries()) {
      const { body } = await sendUntilAccepted(site, event, index);
      const wanted = [accepted.get(String(event.idempotency_key)), true];
      assert.deepEqual([body.request_id, body.duplicate], wanted, `event ${index}`);
    }
  });
  assert.equal((await world.events(site.siteId)).length, events.length);
});

test('the leader of REPLAY killed: a token that was spent stays spent, and events are accepted again', async () => {
  const site = await world.site({}, ...replicas);
  const used = Array.from({ length: 20 }, () => signedRequest(site));
  for (const [index, request] of used.entries()) assert.equal(outcome(await send(at(index), request)), 202);
  await killingLeader('REPLAY', async (kill) => {
    await kill();
    await sendUntilAccepted(site, signedRequest(site).event);
    for (const [index, request] of used.entries()) {
      const judged = async (): Promise<number | string | false> => {
        const found = outcome(await send(at(index + 1), request));
        return found !== 'stream_unavailable' && found;
      };
      assert.equal(await waitFor(judged, { what: 'a replica to judge a token' }), 'token_replayed', `token ${index}`);
    }
  });
  assert.equal((await world.events(site.siteId)).length, used.length + 1);
});

test('one of three servers missing changes nothing for the sites', async () => {
  const site = await world.site({}, ...replicas);
  await cluster.kill(1);
  try {
    for (let sent = 0; sent < 6; sent++) await sendUntilAccepted(site, signedRequest(site).event, sent);
    assert.equal((await world.events(site.siteId)).length, 6);
  } finally {
    await cluster.restart(1);
    await cluster.ready();
  }
});

test("the leader of the limits' members killed: every replica lets events through again, all together no more than allowed", async () => {
  const [perMinute, burst] = [600, 60];
  const limited = await startThree({
    RATE_LIMIT_SITE_PER_MINUTE: String(perMinute),
    RATE_LIMIT_SITE_BURST: String(burst),
  });
  const site = await world.site({}, ...limited);
  assert.equal((await world.manager.streams.info('KV_ingress_members')).config.num_replicas, 3);
  const begunMs = performance.now();
  let accepted = 0;
  await killingLeader('KV_ingress_members', async (kill) => {
    await kill();
    await Promise.all(
      limited.map(async (replica) => {
        const seen = new Set<number | string>();
        const hasDecided = async (): Promise<boolean> => {
          const answer = await post(replica, site);
          if (answer.status === 202) accepted++;
          seen.add(outcome(answer));
          return seen.has(202) && seen.has('rate_limited_site');
        };
        await waitFor(hasDecided, { what: 'an event let through and one refused', everyMs: 5 });
        for (const found of seen)
          assert.ok([202, 'rate_limited_site', 'stream_unavailable'].includes(found), String(found));
      }),
    );
  });
  const allowed = burst + ((performance.now() - begunMs) * perMinute) / 60_000;
  assert.ok(accepted <= allowed, `${accepted} of ${allowed}`);
  assert.equal((await world.events(site.siteId)).length, accepted);
});

test('the bound of a paused site holds over three replicas, except for what each takes within a second', async () => {
  const max = 10;
  const settings = { max_held_events: max };
  const site = await world.site({ status: 'paused', paused_at: new Date().toISOString(), settings }, ...replicas);
  const answers = await spread(replicas, 60, (to) => post(to, site));
  const accepted = times(answers, 202);
  assert.equal(accepted + times(answers, 'site_backlog_full'), 60, String(answers.map(outcome)));
  assert.ok(accepted >= max && accepted <= max * replicas.length, String(accepted));
  assert.equal((await world.events(site.siteId)).length, accepted);
  // Once the counts are read again, all agree.
  await Promise.all(replicas.map((replica) => becomes(() => post(replica, site), 'site_backlog_full')));
  assert.equal(times(await spread(replicas, 60, (to) => post(to, site)), 'site_backlog_full'), 60);
  // The counting leaves nothing behind.
  await waitFor(async () => (await world.manager.streams.info('EVENTS')).state.consumer_count === 1, {
    what: 'only the durable consumer to be left',
  });
});
