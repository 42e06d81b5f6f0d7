import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { takeSystemClock, waitFor } from '@pressferry/testing';
import { startReceiver } from './receiver.ts';
import { createWorld, type World } from './world.ts';

const HOUR_MS = 3_600_000;

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

for (const [way, stepMs] of [
  ['back', -HOUR_MS],
  ['forth', HOUR_MS],
] as const)
  test(`a system clock that is set ${way} by an hour keeps no site waiting for it: one whose breaker is open is probed in its time`, async () => {
    using clock = takeSystemClock();
    await using receiver = await startReceiver();
    const site = await world.site({ callbackUrl: receiver.url });
    receiver.secrets = [site.secret];
    receiver.behave = (_push, response) => response.writeHead(503).end();
    await using callback = await world.start({
      BREAKER_FAILURES: '2',
      BREAKER_PROBE_MIN_MS: '1500',
      BREAKER_PROBE_MAX_MS: '1500',
      // Its sum is how long a delivery may be overdue.
      RETRY_SCHEDULE_MS: '50,50,3600000',
    });
    const { resultId } = await world.result(site);
    const isOpen = async (): Promise<boolean> =>
      (await (await fetch(`${callback.opsUrl}/metrics`)).text()).includes('pressferry_callback_open_breakers 1');
    await waitFor(isOpen, { what: 'the breaker to open' });
    clock.step(stepMs);
    const before = receiver.received.length;
    receiver.behave = (_push, _response, acknowledge) => acknowledge();
    const isDelivered = async (): Promise<boolean> => (await world.status(resultId)) === 'acknowledged';
    await waitFor(isDelivered, { what: 'the probe that delivers' });
    assert.equal(receiver.received.length, before + 1);
  });
