import assert from 'node:assert/strict';
import test from 'node:test';
import { createLatch, waitFor } from '@pressferry/testing';
import { createLeaseKeeper } from './leases.ts';

const renewed = (work: readonly string[]) => ({ held: new Set(work), postgresMs: Date.now() });

const fail = (error: unknown): never => {
  throw error;
};

test('a lease is held for as long as it is renewed', async () => {
  let renewals = 0;
  const renew = async (work: readonly string[]) => {
    renewals++;
    return renewed(work);
  };
  await using keeper = createLeaseKeeper<string>({ leaseMs: 60, renew, onError: fail });
  const lease = keeper.keep('run', performance.now());
  await waitFor(() => renewals >= 5, { what: 'five renewals' });
  assert.ok(lease.isHeld());
  lease.letGo();
});

test('a lease that could not be renewed in time is not held, and held again once a renewal says so', async () => {
  const up = createLatch();
  const errors: unknown[] = [];
  const renew = async (work: readonly string[]) => {
    if (!up.isOpen) throw new Error('away');
    return renewed(work);
  };
  await using keeper = createLeaseKeeper<string>({ leaseMs: 60, renew, onError: (error) => void errors.push(error) });
  const lease = keeper.keep('run', performance.now());
  await waitFor(() => !lease.isHeld(), { what: 'the end of the lease' });
  assert.ok(errors.length > 0);
  assert.equal(lease.lost.aborted, false);
  up.open();
  await waitFor(() => lease.isHeld(), { what: 'the lease to be ours again' });
});

test('the time that the claim took counts: a lease taken long ago is not held', async () => {
  const renew = async (work: readonly string[]) => renewed(work);
  await using keeper = createLeaseKeeper<string>({ leaseMs: 60_000, renew, onError: fail });
  assert.ok(keeper.keep('young', performance.now() - 1_000).isHeld());
  assert.ok(!keeper.keep('old', performance.now() - 60_001).isHeld());
});

test('work that a renewal finds to be somebody else’s is lost, and no other', async () => {
  const renew = async () => renewed(['ours']);
  await using keeper = createLeaseKeeper<string>({ leaseMs: 60, renew, onError: fail });
  const ours = keeper.keep('ours', performance.now());
  const theirs = keeper.keep('theirs', performance.now());
  await waitFor(() => theirs.lost.aborted, { what: 'the loss' });
  assert.equal(theirs.isHeld(), false);
  assert.deepEqual([ours.lost.aborted, ours.isHeld()], [false, true]);
});

test('a renewal that is slow is not begun a second time, and the disposal waits for it', async () => {
  const go = createLatch();
  let renewals = 0;
  const renew = async (work: readonly string[]) => {
    renewals++;
    await go.wait();
    return renewed(work);
  };
  const keeper = createLeaseKeeper<string>({ leaseMs: 30, renew, onError: fail });
  keeper.keep('run', performance.now());
  await waitFor(() => renewals === 1, { what: 'a renewal' });
  const refreshed = [keeper.refresh(), keeper.refresh()];
  // Meanwhile the next renewals fall due.
  const begunAtMs = performance.now();
  await waitFor(() => performance.now() - begunAtMs > 40, { what: 'four thirds of the lease' });
  assert.equal(renewals, 1);
  go.open();
  await Promise.all(refreshed);
  await keeper[Symbol.asyncDispose]();
});

test('what is overdue is renewed at once when asked for, and nothing else is', async () => {
  let isUp = true;
  let renewals = 0;
  const renew = async (work: readonly string[]) => {
    if (!isUp) throw new Error('away');
    renewals++;
    return renewed(work);
  };
  await using keeper = createLeaseKeeper<string>({ leaseMs: 600, renew, onError: () => undefined });
  const lease = keeper.keep('run', performance.now());
  await waitFor(() => renewals > 0, { what: 'a renewal' });
  isUp = false;
  await waitFor(() => !lease.isHeld(), { what: 'the lease to end' });
  isUp = true;
  const before = renewals;
  await keeper.refresh();
  assert.equal(renewals, before + 1);
  assert.ok(lease.isHeld());
  await keeper.refresh();
  assert.equal(renewals, before + 1);
});
