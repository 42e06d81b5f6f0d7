import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { type Breaker, type CallEnd, createBreaker } from './breaker.ts';

const RULES = { leastCalls: 3, openMs: 1_000, longestOpenMs: 4_000 };

let clockMs = 0;
beforeEach(() => {
  clockMs = 0;
  mock.method(performance, 'now', () => clockMs);
});
afterEach(() => mock.restoreAll());

async function call(breaker: Breaker, how: CallEnd): Promise<boolean> {
  const { isProbe, end } = breaker.begin();
  end(how);
  await turn();
  return isProbe;
}

test('it opens on the rate of failures, and not before it has seen enough calls', async () => {
  const breaker = createBreaker(RULES);
  for (const how of ['failed', 'failed'] as const) await call(breaker, how);
  assert.equal(breaker.state(), 'closed');
  for (const how of ['succeeded', 'succeeded', 'failed'] as const) await call(breaker, how);
  assert.equal(breaker.state(), 'open');
  assert.equal(breaker.opensAtMs(), 1_000);
});

test('one probe decides: it closes, or stays open for twice as long up to its bound', async () => {
  const told: boolean[] = [];
  const breaker = createBreaker(RULES, (isOpen) => told.push(isOpen));
  breaker.trip();
  await turn();
  let nowMs = 1_000;
  for (const openMs of [2_000, 4_000, 4_000]) {
    clockMs = nowMs;
    assert.equal(breaker.state(), 'half_open');
    assert.ok(await call(breaker, 'failed'));
    assert.equal(breaker.opensAtMs(), nowMs + openMs);
    assert.equal(breaker.state(), 'open');
    nowMs += openMs;
  }
  clockMs = nowMs;
  assert.ok(await call(breaker, 'succeeded'));
  assert.equal(breaker.state(), 'closed');
  assert.deepEqual(told, [true, true, true, true, false]);
});

test('calls that were in flight when it opened say nothing about the time after', async () => {
  const breaker = createBreaker(RULES);
  const [late, later] = [breaker.begin(), breaker.begin()];
  breaker.trip();
  await turn();
  clockMs = 1_000;
  const probe = breaker.begin();
  late.end('failed');
  later.end('succeeded');
  await turn();
  assert.equal(breaker.state(), 'half_open');
  probe.end('succeeded');
  await turn();
  assert.equal(breaker.state(), 'closed');
});

test('a call that was under way when it opened is not its probe, however it ends', async () => {
  const breaker = createBreaker(RULES);
  breaker.trip();
  await turn();
  for (const how of ['failed', 'succeeded'] as const) await call(breaker, how);
  assert.deepEqual([breaker.state(), breaker.opensAtMs()], ['open', 1_000]);
});

test('a call that is given up counts neither way, and as a probe leaves it open', async () => {
  const breaker = createBreaker(RULES);
  for (let calls = 0; calls < 20; calls++) await call(breaker, 'unknown');
  assert.equal(breaker.state(), 'closed');
  breaker.trip();
  await turn();
  clockMs = 1_000;
  await call(breaker, 'unknown');
  assert.equal(breaker.state(), 'open');
});

test('whatever happens, it comes to a probe in its time, and a probe that succeeds closes it', async () => {
  const step = fc.record({
    how: fc.constantFrom<CallEnd>('succeeded', 'failed', 'unknown'),
    afterMs: fc.nat({ max: 5_000 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const breaker = createBreaker(RULES);
      for (const { how, afterMs } of steps) {
        clockMs += afterMs;
        await call(breaker, how);
        assert.ok(breaker.opensAtMs() - clockMs <= RULES.longestOpenMs);
      }
      if (breaker.state() === 'closed') return;
      clockMs = Math.max(clockMs, breaker.opensAtMs());
      assert.equal(breaker.state(), 'half_open');
      await call(breaker, 'succeeded');
      assert.equal(breaker.state(), 'closed');
    }),
    { numRuns: 50 },
  );
});
