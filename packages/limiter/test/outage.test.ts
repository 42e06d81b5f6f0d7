import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openConnection } from '@pressferry/jetstream';
import { freePort, startTestNats, waitFor } from '@pressferry/testing';
import { openLimiter, type Rate } from '../src/index.ts';

const RATE: Rate = { perMinute: 60, burst: 1_000 };

test('while NATS is away nothing throws; tokens are spent until the membership runs out, and again once it is back', async () => {
  const port = await freePort();
  const first = await startTestNats({ port });
  await using connection = await openConnection({ url: first.url, name: 'outage' });
  const faults: unknown[] = [];
  await using limiter = await openLimiter(connection, {
    cluster: { bucket: 'test_members', subject: 'pf.limits' },
    memberId: 'outage',
    ttlMs: 1_000,
    onFault: (fault) => faults.push(fault),
  });
  assert.equal(limiter.state().share, 1);
  await first[Symbol.asyncDispose]();
  assert.deepEqual(await limiter.take('site', 'key', RATE), { allowed: true });
  await waitFor(() => limiter.state().share === 0, { what: 'the membership to run out' });
  const decision = await limiter.take('site', 'key', RATE);
  assert.ok(!decision.allowed && decision.cause === 'unavailable');

  // It comes back with nothing in its store: the bucket is made again.
  await using _second = await startTestNats({ port });
  await waitFor(() => limiter.state().share === 1, { what: 'the membership to be confirmed' });
  // One fault for the whole outage.
  assert.ok(faults.length >= 1 && faults.length <= 3, String(faults.length));
});
