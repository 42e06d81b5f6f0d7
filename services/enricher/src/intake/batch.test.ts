import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NewEvent, Stored } from '../db/store-events.ts';
import { createEventBatcher } from './batch.ts';

const event = (id: string, sealed_body = ''): NewEvent => ({
  request_id: id,
  site_id: 'site-a',
  idempotency_key: id,
  event_type: 'post.published',
  object_ref: '1',
  occurred_at: '',
  received_at: '',
  mode: 'live',
  fingerprint: '',
  traceparent: null,
  sealed_body,
  runs: [],
});
const allStored = (events: readonly NewEvent[]) =>
  new Map<string, Stored>(events.map(({ request_id }) => [request_id, 'stored']));
const LIMITS = { maxEvents: 3, maxCharacters: 100, inFlight: 2 };

test('what comes together is written together, within the limits', async () => {
  const sizes: number[] = [];
  const { store } = createEventBatcher(
    async (events) => {
      sizes.push(events.length);
      return allStored(events);
    },
    () => false,
    LIMITS,
  );
  await Promise.all(['a', 'b', 'c', 'd'].map((id) => store(event(id))));
  assert.deepEqual(sizes, [3, 1]);
  await Promise.all(['e', 'f'].map((id) => store(event(id, 'x'.repeat(80)))));
  assert.deepEqual(sizes.slice(2), [1, 1]);
});

test('two events of one key are never in one batch', async () => {
  const batches: string[][] = [];
  const { store } = createEventBatcher(
    async (events) => {
      batches.push(events.map(({ request_id }) => request_id));
      return allStored(events);
    },
    () => false,
    LIMITS,
  );
  await Promise.all(['a', 'a', 'b'].map((id) => store(event(id))));
  assert.deepEqual(batches, [['a', 'b'], ['a']]);
});

test('one event that cannot be stored does not keep the others from it', async () => {
  const { store } = createEventBatcher(
    async (events) => {
      if (events.some(({ request_id }) => request_id === 'bad')) throw new Error('bad');
      return allStored(events);
    },
    () => true,
    LIMITS,
  );
  const settled = await Promise.allSettled(['a', 'bad', 'b'].map((id) => store(event(id))));
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});

test('an outage fails the whole batch, and later events are tried anew', async () => {
  let isDown = true;
  const { store } = createEventBatcher(
    async (events) => {
      if (isDown) throw new Error('down');
      return allStored(events);
    },
    () => false,
    LIMITS,
  );
  const settled = await Promise.allSettled(['a', 'b', 'c', 'd'].map((id) => store(event(id))));
  assert.ok(settled.every(({ status }) => status === 'rejected'));
  isDown = false;
  assert.equal(await store(event('e')), 'stored');
});
