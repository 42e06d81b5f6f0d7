import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '@pressferry/testing';
import { type Receiver, startReceiver } from './receiver.ts';
import { createWorld, MAIN, type TestSite, type World } from './world.ts';

const HANGING = 300;
const HEALTHY = 5;
const SENT_EVERY_MS = 100;
const WINDOW_MS = 8_000;
/** Of what the healthy sites were sent, at least so much arrives in the window. */
const LEAST_SHARE = 0.9;

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

/** A port that takes connections and never answers. */
async function startHanging(): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).resume());
  const sockets = new Set<{ destroy: () => void }>();
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/wp-json/pressferry/v1/callback`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A callback of its own process with the settings of production, except for the addresses. */
function spawnCallback(): AsyncDisposable {
  const { RETRY_SCHEDULE_MS, POLL_INTERVAL_MS, BREAKER_PROBE_MIN_MS, BREAKER_PROBE_MAX_MS, ...env } = world.env;
  const child = spawn(process.execPath, [MAIN], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(child, 'exit');
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function makeSites(count: number, callbackUrl: string): Promise<TestSite[]> {
  const sites: TestSite[] = [];
  while (sites.length < count) sites.push(await world.site({ callbackUrl }));
  return sites;
}

/** Sends the healthy sites results at a steady rate, and says what part of them arrived before the window closed. */
async function shareDelivered(sites: readonly TestSite[], receiver: Receiver): Promise<number> {
  const before = receiver.stored.size;
  const endsAtMs = performance.now() + WINDOW_MS;
  let sent = 0;
  while (performance.now() < endsAtMs) {
    const site = sites[sent % sites.length];
    assert.ok(site);
    await world.result(site);
    sent++;
    await delay(SENT_EVERY_MS);
  }
  const share = (receiver.stored.size - before) / sent;
  console.log(`${receiver.stored.size - before} of ${sent} results of healthy sites delivered`);
  return share;
}

test('hundreds of hanging endpoints take at most a tenth of the deliveries of healthy ones, also right after a kill', async () => {
  await using hanging = await startHanging();
  await using receiver = await startReceiver();
  const stuck = await makeSites(HANGING, hanging.url);
  const healthy = await makeSites(HEALTHY, receiver.url);
  receiver.secrets = healthy.map(({ secret }) => secret);

  let callback = spawnCallback();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => callback[Symbol.asyncDispose]());
  for (const site of stuck) await world.result(site);
  const fresh = await shareDelivered(healthy, receiver);
  await callback[Symbol.asyncDispose]();

  // Whatever the first process learned is lost with it, unless it is kept elsewhere.
  for (const site of stuck) await world.result(site);
  callback = spawnCallback();
  const [probe] = healthy;
  assert.ok(probe);
  const alive = await world.result(probe);
  await waitFor(() => receiver.stored.has(alive.resultId), { what: 'the new process to deliver', timeoutMs: 30_000 });
  const again = await shareDelivered(healthy, receiver);
  assert.ok(fresh >= LEAST_SHARE, `${Math.round(fresh * 100)} % arrived during attempts at unknown endpoints`);
  assert.ok(again >= LEAST_SHARE, `${Math.round(again * 100)} % arrived after the kill`);
});
