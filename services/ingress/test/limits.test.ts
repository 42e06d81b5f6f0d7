import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Connection, openConnection } from '@pressferry/jetstream';
import { startTestNats, waitFor } from '@pressferry/testing';
import { type Decision, type Limiter, type LimiterOptions, openLimiter, type Rate } from '../src/limits/index.ts';

let server: Awaited<ReturnType<typeof startTestNats>>;
before(async () => {
  server = await startTestNats();
});
after(() => server[Symbol.asyncDispose]());

/** Replicas on connections of their own, and every message they send to each other. */
interface Cluster extends AsyncDisposable {
  open: (options?: Partial<LimiterOptions>) => Promise<Limiter>;
  /** Waits until each replica shares equally with all others. */
  settled: (...limiters: Limiter[]) => Promise<unknown>;
  asks: (key: string) => number;
  faults: unknown[];
}

async function openCluster(): Promise<Cluster> {
  const stack = new AsyncDisposableStack();
  const connect = async (): Promise<Connection> =>
    stack.use(await openConnection({ url: server.url, name: 'limits test' }));
  const spy = await connect();
  const asked: string[] = [];
  const faults: unknown[] = [];
  spy.nats.subscribe('pf.limits.>', {
    callback: (_error, message) => {
      const { kind, key } = message.json<{ kind: string; key?: string }>();
      if (kind === 'ask' && key !== undefined) asked.push(key);
    },
  });
  await spy.nats.flush();
  let members = 0;
  return {
    open: async (options) =>
      stack.use(
        await openLimiter(await connect(), {
          memberId: `replica-${members++}-${process.hrtime.bigint()}`,
          onFault: (fault) => faults.push(fault),
          ...options,
        }),
      ),
    settled: (...limiters) =>
      waitFor(() => limiters.every((limiter) => limiter.state().share === 1 / limiters.length), {
        what: 'the replicas to share',
      }),
    asks: (key) => asked.filter((name) => name === key).length,
    faults,
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

const allowedOf = async (decisions: readonly (Decision | Promise<Decision>)[]): Promise<number> =>
  (await Promise.all(decisions)).filter(({ allowed }) => allowed).length;

/** A rate so high that every bucket is full soon after its share was given. */
const QUICK: Rate = { perMinute: 60_000, burst: 60 };

test('200 requests at once over three replicas: the burst is allowed, and what was earned meanwhile', async () => {
  await using cluster = await openCluster();
  const limiters = [await cluster.open(), await cluster.open(), await cluster.open()];
  await cluster.settled(...limiters);
  const rate: Rate = { perMinute: 600, burst: 60 };
  await full(limiters, rate);
  const startMs = performance.now();
  const allowed = await allowedOf(
    Array.from({ length: 200 }, (_, at) => pick(limiters, at).take('site', 'spread', rate)),
  );
  const earned = ((performance.now() - startMs) * rate.perMinute) / 60_000;
  assert.ok(allowed >= 60 && allowed <= 60 + earned, `${allowed} allowed, ${earned} earned`);
});

const pick = (limiters: readonly Limiter[], at: number): Limiter => {
  const limiter = limiters[at % limiters.length];
  assert.ok(limiter);
  return limiter;
};

/** Waits until untouched buckets of a rate are full in every replica: how long that takes is part of the algorithm. */
const full = (limiters: readonly Limiter[], rate: Rate): Promise<unknown> => {
  let round = 0;
  return waitFor(
    async () => {
      const key = `probe ${round++}`;
      const decisions = limiters.flatMap((limiter) =>
        Array.from({ length: Math.floor(rate.burst / limiters.length) }, () => limiter.take('site', key, rate)),
      );
      return decisions.every((decision) => !(decision instanceof Promise));
    },
    { what: 'untouched buckets to be full', timeoutMs: 15_000, everyMs: 250 },
  );
};
void QUICK;
