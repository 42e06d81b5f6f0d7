import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEndpoints } from './endpoints.ts';
import { createFleetWatch } from './fleet.ts';

const settings = { failures: 3, probeMinMs: 1_000, probeMaxMs: 4_000, goneHoldMs: 1_000 };
const make = () => createEndpoints(settings, createFleetWatch(), () => 0.5);
const at = (siteId: string, callbackUrl = 'https://a.example/') => ({ siteId, callbackUrl });
const failed = { nowMs: 0, isProbe: false };

test('what changed is handed out once to be written, and again after a write that failed', () => {
  const endpoints = make();
  endpoints.failed(at('a'), failed);
  const changes = endpoints.takeChanges();
  assert.deepEqual([...changes.keys()], ['a']);
  assert.equal(endpoints.takeChanges().size, 0);
  endpoints.returnChanges(changes);
  assert.equal(endpoints.takeChanges().get('a')?.straightFailures, 1);
});

test('an endpoint that goes on acknowledging is not written again each time', () => {
  const endpoints = make();
  endpoints.succeeded(at('a'), 0);
  assert.equal(endpoints.takeChanges().size, 1);
  for (let nowMs = 1; nowMs < 1_000; nowMs++) endpoints.succeeded(at('a'), nowMs);
  assert.equal(endpoints.takeChanges().size, 0);
});

test('an endpoint that now fails and now answers is written once in two seconds; an opened breaker at once', () => {
  const endpoints = make();
  let writes = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs += 10) {
    if (nowMs % 20 === 0) endpoints.failed(at('a'), { nowMs, isProbe: false });
    else endpoints.succeeded(at('a'), nowMs);
    writes += endpoints.takeChanges(nowMs).size;
  }
  assert.equal(writes, 5);
  endpoints.failed(at('a'), { nowMs: 10_000, isProbe: false });
  endpoints.failed(at('a'), { nowMs: 10_001, isProbe: false });
  endpoints.takeChanges(10_001);
  endpoints.failed(at('a'), { nowMs: 10_002, isProbe: false });
  assert.equal(endpoints.takeChanges(10_002).get('a')?.straightFailures, 3);
  endpoints.succeeded(at('a'), 10_003);
  assert.equal(endpoints.takeChanges(10_003).get('a')?.straightFailures, 0);
  endpoints.failed(at('a'), { nowMs: 10_004, isProbe: false });
  assert.equal(endpoints.takeChanges(10_004).size, 0);
  assert.equal(endpoints.takeChanges().size, 1, 'nothing is left at the end');
});

test('what another replica wrote is taken over, but not over what is not written yet', () => {
  const [one, two] = [make(), make()];
  for (let times = 0; times < 3; times++) one.failed(at('a'), failed);
  const written = one.takeChanges();
  assert.equal(two.isFresh('a', 0), false);
  two.learn(['a'], written, 0);
  assert.equal(two.isFresh('a', 0), true);
  assert.equal(two.standing(at('a')), 'open');
  assert.equal(two.isResting(at('a'), 999), true);
  assert.equal(two.isResting(at('a'), 1_000), false);
  two.succeeded(at('a'), 1_000);
  two.learn(['a'], written, 1_000);
  assert.equal(two.standing(at('a')), 'proven');
});

test('another callback URL starts again', () => {
  const endpoints = make();
  for (let times = 0; times < 3; times++) endpoints.failed(at('a'), failed);
  assert.equal(endpoints.standing(at('a', 'https://a.example/new')), 'unproven');
});

test('when many proven endpoints fail at once, none of them is blamed; those that go on failing alone are', () => {
  const endpoints = make();
  const sites = Array.from({ length: 40 }, (_, index) => at(`site-${index}`));
  for (const site of sites) endpoints.succeeded(site, 0);
  for (const site of sites.slice(0, 20)) endpoints.failed(site, { nowMs: 1_000, isProbe: false });
  const changes = endpoints.takeChanges();
  assert.ok([...changes.values()].every(({ straightFailures }) => straightFailures === 0));
  assert.equal(endpoints.standing(sites[0] ?? at('')), 'failing', 'it gets few slots all the same');

  // Later, while many answer, one fails.
  for (const site of sites) endpoints.succeeded(site, 60_000);
  for (let times = 0; times < 3; times++) endpoints.failed(at('site-0'), { nowMs: 60_001, isProbe: false });
  assert.equal(endpoints.standing(at('site-0')), 'open');
});
