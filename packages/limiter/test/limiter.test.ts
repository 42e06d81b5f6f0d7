import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Connection, openConnection } from '@pressferry/jetstream';
import { startTestNats, waitFor } from '@pressferry/testing';
import { type Decision, type Limiter, type LimiterOptions, openLimiter, type Rate } from '../src/index.ts';

const CLUSTER = { bucket: 'test_members', subject: 'pf.limits' };

let server: Awaited<ReturnType<typeof startTestNats>>;
before(async () => {
  server = await startTestNats();
});
after(() => server[Symbol.asyncDispose]());

/** Replicas on their own connections, and every message they send to each other. */
interface Cluster extends AsyncDisposable {
  open: (options?: Partial<LimiterOptions>) => Promise<Limiter>;
  /** Waits until each replica shares equally with all others. */
  settled: (...limiters: Limiter[]) => Promise<unknown>;
  requests: (key: string) => number;
  faults: unknown[];
}

async function openCluster(): Promise<Cluster> {
  const stack = new AsyncDisposableStack();
  const connect = async (): Promise<Connection> =>
    stack.use(await openConnection({ url: server.url, name: 'limits test' }));
  const spy = await connect();
  const requested: string[] = [];
  const faults: unknown[] = [];
  spy.nats.subscribe('pf.limits.>', {
    callback: (_error, message) => {
      const { kind, key } = message.json<{ kind: string; key?: string }>();
      if (kind === 'ask' && key !== undefined) requested.push(key);
    },
  });
  await spy.nats.flush();
  let members = 0;
  return {
    open: async (options) =>
      stack.use(
        await openLimiter(await connect(), {
          cluster: CLUSTER,
          memberId: `replica-${members++}-${process.hrtime.bigint()}`,
          onFault: (fault) => faults.push(fault),
          ...options,
        }),
      ),
    settled: (...limiters) =>
      waitFor(() => limiters.every((limiter) => limiter.state().share === 1 / limiters.length), {
        what: 'the replicas to share',
      }),
    requests: (key) => requested.filter((name) => name === key).length,
    faults,
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

const allowedOf = async (decisions: readonly (Decision | Promise<Decision>)[]): Promise<number> =>
  (await Promise.all(decisions)).filter(({ allowed }) => allowed).length;

const pick = (limiters: readonly Limiter[], at: number): Limiter => {
  const limiter = limiters[at % limiters.length];
  assert.ok(limiter);
  return limiter;
};

/** Waits until every replica holds its whole part of an untouched bucket: newcomers begin with nothing. */
const full = (limiters: readonly Limiter[], rate: Rate): Promise<unknown> => {
  let round = 0;
  return waitFor(
    () => {
      const key = `probe ${round++}`;
      const each = Math.floor(rate.burst / limiters.length);
      return limiters.every((limiter) =>
        Array.from({ length: each }, () => limiter.take('site', key, rate)).every(
          (taken) => !(taken instanceof Promise),
        ),
      );
    },
    { what: 'untouched buckets to be full', everyMs: 100 },
  );
};

/** Fast enough that a newcomer's buckets are full within two seconds. */
const RATE: Rate = { perMinute: 1_800, burst: 60 };

async function openThree(cluster: Cluster): Promise<Limiter[]> {
  const limiters = [await cluster.open(), await cluster.open(), await cluster.open()];
  await cluster.settled(...limiters);
  await full(limiters, RATE);
  return limiters;
}

/** Asserts that a burst and no more was allowed, in addition to what was earned since `startMs`. */
function assertBurst(allowed: number, startMs: number): void {
  const earned = ((performance.now() - startMs) * RATE.perMinute) / 60_000;
  // A fraction of a token may be left over in each place.
  assert.ok(allowed >= RATE.burst - 1 && allowed <= RATE.burst + earned, `${allowed} allowed, ${earned} earned`);
}

test('200 requests at once over three replicas, or all on one: the burst is allowed and no more', async () => {
  await using cluster = await openCluster();
  const limiters = await openThree(cluster);
  for (const spread of [3, 2, 1]) {
    const startMs = performance.now();
    const takes = Array.from({ length: 200 }, (_, at) =>
      pick(limiters, at % spread).take('site', `by ${spread}`, RATE),
    );
    assertBurst(await allowedOf(takes), startMs);
  }
  const refusal = await pick(limiters, 1).take('site', 'by 1', { ...RATE, perMinute: 1 });
  assert.ok(!refusal.allowed);
  assert.equal(refusal.cause, 'spent');
  assert.ok(refusal.retryAfterMs > 0 && refusal.retryAfterMs <= 60_000, String(refusal.retryAfterMs));
  assert.deepEqual(cluster.faults, []);
});

test('a lifted limit, and a key far from its limit, send no message', async () => {
  await using cluster = await openCluster();
  const limiters = await openThree(cluster);
  for (let at = 0; at < 1_000; at++) {
    assert.deepEqual(pick(limiters, at).take('site', 'lifted', { perMinute: 0, burst: 60 }), { allowed: true });
  }
  for (let at = 0; at < 57; at++) assert.deepEqual(pick(limiters, at).take('ip', 'far', RATE), { allowed: true });
  await allowedOf(Array.from({ length: 90 }, (_, at) => pick(limiters, at).take('ip', 'near', RATE)));
  await waitFor(() => cluster.requests('near') > 0, { what: 'the requests to be seen' });
  assert.deepEqual([cluster.requests('lifted'), cluster.requests('far')], [0, 0]);
});

test('a key at its limit requests once per token at most, and slows no other key', async () => {
  await using cluster = await openCluster();
  const limiters = await openThree(cluster);
  const slow: Rate = { perMinute: 60, burst: 3 };
  const [first] = limiters;
  assert.ok(first);
  const startMs = performance.now();
  let refusals = 0;
  for (let round = 0; round < 50; round++) {
    const decisions = await Promise.all(Array.from({ length: 400 }, () => first.take('site', 'hot', slow)));
    refusals += decisions.filter(({ allowed }) => !allowed).length;
    assert.deepEqual(first.take('site', `other ${round}`, RATE), { allowed: true });
  }
  const seconds = (performance.now() - startMs) / 1_000;
  assert.ok(refusals >= 20_000 - slow.burst - Math.ceil(seconds), `${refusals} refused in ${seconds} s`);
  await allowedOf([first.take('site', 'last', { perMinute: 1, burst: 1 })]);
  await waitFor(() => cluster.requests('last') > 0, { what: 'the last request to be seen' });
  assert.ok(cluster.requests('hot') <= 8 + 2 * seconds, `${cluster.requests('hot')} requests in ${seconds} s`);
});

test('a replica that joins, leaves or dies never adds to the burst, and the rest share again', async () => {
  await using cluster = await openCluster();
  const ttlMs = 1_000;
  const [first, second] = [await cluster.open({ ttlMs }), await cluster.open({ ttlMs })];
  await cluster.settled(first, second);
  await full([first, second], RATE);
  const startMs = performance.now();
  const before = await allowedOf(
    Array.from({ length: 100 }, (_, at) => pick([first, second], at).take('ip', 'key', RATE)),
  );
  const third = await cluster.open({ ttlMs });
  const joined = await allowedOf(Array.from({ length: 30 }, () => third.take('ip', 'key', RATE)));
  assertBurst(before + joined, startMs);
  await cluster.settled(first, second, third);

  await third[Symbol.asyncDispose]();
  await cluster.settled(first, second);
  await second[Symbol.asyncDispose]();
  await cluster.settled(first);
  assert.deepEqual(cluster.faults, []);
});

test('the share of a replica whose connection died is free again soon after its membership ran out', async () => {
  await using cluster = await openCluster();
  const first = await cluster.open({ ttlMs: 3_000 });
  const lost = await openConnection({ url: server.url, name: 'dies' });
  const second = await openLimiter(lost, {
    cluster: CLUSTER,
    memberId: 'dies',
    ttlMs: 3_000,
    onFault: () => undefined,
  });
  await cluster.settled(first, second);
  await lost.nats.close();
  await waitFor(() => second.state().share === 0, { what: 'the dead one to stop spending' });
  const decision = await second.take('site', 'key', RATE);
  assert.ok(!decision.allowed && decision.cause === 'unavailable');
  assert.equal(first.state().share, 1 / 2);
  await cluster.settled(first);
  await second[Symbol.asyncDispose]();
});

test('a restart under the same name takes its place at once, with empty buckets', async () => {
  await using cluster = await openCluster();
  const crashed = await openConnection({ url: server.url, name: 'crashes' });
  const before = await openLimiter(crashed, { cluster: CLUSTER, memberId: 'restarted', onFault: () => undefined });
  assert.equal(before.state().share, 1);
  await crashed.nats.close();
  const startMs = performance.now();
  const again = await cluster.open({ memberId: 'restarted' });
  await cluster.settled(again);
  const allowed = await allowedOf(Array.from({ length: 100 }, () => again.take('ip', 'key', RATE)));
  const earned = ((performance.now() - startMs) * RATE.perMinute) / 60_000;
  assert.ok(allowed <= earned, `${allowed} allowed, ${earned} earned`);
  await before[Symbol.asyncDispose]();
});
