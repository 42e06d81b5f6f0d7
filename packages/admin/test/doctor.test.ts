import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { consumerDefinitions, STREAM_DEFAULTS } from '@pressferry/contracts';
import { applyStreams } from '@pressferry/jetstream';
import { registerSite } from '@pressferry/registry';
import { createRegistryWorld, type RegistryWorld } from './registry-world.ts';

let world: RegistryWorld;
before(async () => {
  world = await createRegistryWorld();
  await applyStreams(world.connection.nats, [], consumerDefinitions(STREAM_DEFAULTS));
});
after(() => world[Symbol.asyncDispose]());

test('a deployment that is well is said to be so, with exit code 0', async () => {
  const output = await world.run(['doctor']);
  assert.doesNotMatch(output, /^(bad|look)/m, output);
  for (const about of [
    'stream EVENTS',
    'consumer RESULTS/callback',
    'database schema',
    'days ahead',
    'clock',
    'registry',
    'keys',
  ])
    assert.match(output, new RegExp(`^good  ${about}: `, 'm'));
});

test('each thing that is not well is named, with its remedy, and exit code 1', async () => {
  const manager = await jetstreamManager(world.connection.nats);
  await manager.streams.delete('RESULTS');
  await registerSite(world.db, { siteId: 'bare', issuer: 'https://bare.example', callbackUrl: null });
  const output = await world.run(['doctor'], { code: 1 });
  assert.match(output, /^bad {3}stream RESULTS: is missing.*\n.*→ pressferry streams apply/m);
  assert.match(output, /^bad {3}site bare: keys: there is no live key/m);
  assert.match(
    output,
    /^bad {3}registry: 1 sites registered, 0 published, 0 of them the same\n.*→ pressferry sites publish/m,
  );
});

test('a server that does not answer is named, and the rest is looked at anyway', async () => {
  const output = await world.run(['doctor'], { code: 1, env: { NATS_URL: 'nats://127.0.0.1:9' } });
  assert.match(output, /^bad {3}NATS: .*did not answer/m);
  assert.match(output, /^good {2}database schema: /m);
});
