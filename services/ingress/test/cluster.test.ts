import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { NatsCluster } from '@pressferry/embedded';
import { signedRequest, signedToken, startTestNatsCluster, type TestSender, waitFor } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { type Answer, joinWorld, post, send, sendAs, type World } from './world.ts';

let cluster: NatsCluster;
let world: Omit<World, 'nats'>;
let replicas: [Ingress, Ingress, Ingress];
before(async () => {
  cluster = await startTestNatsCluster();
  world = await joinWorld(cluster.urls.join(','), { replicas: 3 });
  // Each replica by its own server, as the pods of a deployment spread over them.
  const start = (at: number): Promise<Ingress> =>
    world.start({ NATS_URL: [...cluster.urls.slice(at), ...cluster.urls.slice(0, at)].join(',') });
  replicas = [await start(0), await start(1), await start(2)];
});
after(async () => {
  await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()));
  await world[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const outcome = ({ status, body }: Answer): number | string => body.code ?? status;

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
async function sendUntilAccepted(site: TestSender, event: Record<string, unknown>, first = 0): Promise<Answer> {
  let at = first;
  return await waitFor(
    async () => {
      const answer = await post(replicas[at++ % 3]?.apiUrl ?? '', site, { event });
      if (answer.status === 202) return answer;
      assert.equal(answer.body.code, 'stream_unavailable');
      assert.ok(Number(answer.headers['retry-after']) >= 1);
      return undefined;
    },
    { what: 'an event to be accepted', timeoutMs: 20_000, everyMs: 50 },
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
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, at) => post(replicas[at % 3]?.apiUrl ?? '', site, { event })),
    );
    assert.deepEqual(new Set(answers.map(outcome)), new Set([202]));
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
  const answers = await Promise.all(
    [event, other, event, other, event, other].map((sent, at) =>
      post(replicas[at % 3]?.apiUrl ?? '', site, { event: sent }),
    ),
  );
  const [stored, ...more] = await world.events(site.siteId);
  assert.ok(stored);
  assert.equal(more.length, 0);
  const winner = JSON.parse(Buffer.from(stored.body).toString()).object_ref;
  for (const [at, answer] of answers.entries()) {
    const isWinner = (at % 2 === 0 ? event : other).object_ref === winner;
    assert.equal(outcome(answer), isWinner ? 202 : 'idempotency_key_reused');
  }
});

test('one jti through three replicas at once: one 202, all others token_replayed', async () => {
  const site = await world.site({}, ...replicas);
  for (let round = 0; round < 5; round++) {
    const claims = { jti: randomUUID() };
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) => post(replicas[at % 3]?.apiUrl ?? '', site, { claims })),
    );
    const outcomes = answers.map(outcome);
    assert.equal(outcomes.filter((found) => found === 202).length, 1, String(outcomes));
    assert.equal(outcomes.filter((found) => found === 'token_replayed').length, 11, String(outcomes));
  }
  assert.equal((await world.events(site.siteId)).length, 5);
});

test('asking for the state of an event stores nothing in a cluster either, and leaves the key usable', async () => {
  const site = await world.site({}, ...replicas);
  const key = randomUUID();
  const ask = (replica: Ingress): Promise<Answer> =>
    sendAs(replica.apiUrl, {
      method: 'GET',
      path: `/ingest/${key}`,
      headers: { authorization: `Bearer ${signedToken(site)}` },
    });
  const before = (await world.manager.streams.info('EVENTS')).state;
  for (const replica of replicas) assert.equal(outcome(await ask(replica)), 'event_unknown');
  // A burst of questions at once, while a first one may be in process, changes nothing of it.
  const answers = await Promise.all(Array.from({ length: 12 }, (_, at) => ask(replicas[at % 3] as Ingress)));
  assert.deepEqual(new Set(answers.map(outcome)), new Set(['event_unknown']));
  const { state } = await world.manager.streams.info('EVENTS');
  assert.deepEqual([state.messages, state.last_seq], [before.messages, before.last_seq]);

  const accepted = await post(replicas[0].apiUrl, site, { event: { idempotency_key: key } });
  assert.deepEqual([accepted.status, accepted.body.duplicate], [202, false]);
  for (const replica of replicas) {
    const { status, body } = await ask(replica);
    assert.deepEqual([status, body.status, body.request_id], [200, 'accepted', accepted.body.request_id]);
  }
  const [stored, ...more] = await world.events(site.siteId);
  assert.deepEqual([stored?.idempotencyKey, more.length], [key, 0]);
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
        const [at, event] = next;
        const { body } = await sendUntilAccepted(site, event, at);
        accepted.set(String(event.idempotency_key), body.request_id ?? '');
        if (accepted.size === 100) killing = kill();
      }
    };
    await Promise.all(Array.from({ length: 12 }, sender));
    await killing;
    assert.equal(accepted.size, events.length);
    // Read back while one server is missing still.
    const stored = await waitFor(
      async () => {
        const found = await world.events(site.siteId);
        return found.length >= events.length ? found : undefined;
      },
      { what: 'all events to be read back', timeoutMs: 10_000 },
    );
    const ids = stored.map(({ requestId }) => requestId);
    assert.deepEqual(ids.toSorted(), [...accepted.values()].toSorted());
    assert.equal(new Set(ids).size, ids.length);
    for (const [at, event] of events.entries()) {
      const { body } = await sendUntilAccepted(site, event, at);
      assert.deepEqual(
        [body.request_id, body.duplicate],
        [accepted.get(String(event.idempotency_key)), true],
        `event ${at}`,
      );
    }
  });
  assert.equal((await world.events(site.siteId)).length, events.length);
});

test('the leader of REPLAY killed: a token that was spent stays spent, and events are accepted again', async () => {
  const site = await world.site({}, ...replicas);
  const used = Array.from({ length: 20 }, () => signedRequest(site));
  for (const [at, request] of used.entries()) {
    assert.equal((await send(replicas[at % 3]?.apiUrl ?? '', request)).status, 202);
  }
  await killingLeader('REPLAY', async (kill) => {
    await kill();
    await sendUntilAccepted(site, signedRequest(site).event);
    for (const [at, request] of used.entries()) {
      const again = await waitFor(
        async () => {
          const answer = await send(replicas[(at + 1) % 3]?.apiUrl ?? '', request);
          return answer.status === 503 ? undefined : answer;
        },
        { what: 'a replica to judge a token', timeoutMs: 10_000 },
      );
      assert.equal(outcome(again), 'token_replayed', `token ${at}`);
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
  await using resources = new AsyncDisposableStack();
  const [perMinute, burst] = [600, 60];
  const limits = { RATE_LIMIT_SITE_PER_MINUTE: String(perMinute), RATE_LIMIT_SITE_BURST: String(burst) };
  const limited: Ingress[] = [];
  for (const at of [0, 1, 2]) {
    const urls = [...cluster.urls.slice(at), ...cluster.urls.slice(0, at)].join(',');
    limited.push(resources.use(await world.start({ NATS_URL: urls, ...limits })));
  }
  const site = await world.site({}, ...limited);
  assert.equal((await world.manager.streams.info('KV_ingress_members')).config.num_replicas, 3);
  const begunMs = performance.now();
  let accepted = 0;
  await killingLeader('KV_ingress_members', async (kill) => {
    await kill();
    await Promise.all(
      limited.map(async ({ apiUrl }) => {
        const seen = new Set<number | string>();
        const hasDecided = async (): Promise<boolean> => {
          const answer = await post(apiUrl, site);
          if (answer.status === 202) accepted++;
          seen.add(outcome(answer));
          return seen.has(202) && seen.has('rate_limited_site');
        };
        await waitFor(hasDecided, { what: 'an event let through and one refused', timeoutMs: 30_000, everyMs: 5 });
        for (const found of seen)
          assert.ok([202, 'rate_limited_site', 'stream_unavailable'].includes(found), String(found));
      }),
    );
  });
  const allowed = burst + ((performance.now() - begunMs) * perMinute) / 60_000;
  assert.ok(accepted <= allowed, `${accepted} of ${allowed}`);
  assert.equal((await world.events(site.siteId)).length, accepted);
});
