import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '@pressferry/testing';
import { type Receiver, startReceiver } from './receiver.ts';
import { MAIN, type TestSite, type World } from './world.ts';

const HEALTHY = 5;
const SENT_EVERY_MS = 100;
const WINDOW_MS = 8_000;
/** No result of a healthy site waits for so long as one attempt at an endpoint that hangs takes. */
const HANGS_MS = 3_000;
/** Settings of tests, which production does not have. */
const QUICK_OR_PATIENT =
  /^(RETRY_SCHEDULE|POLL_INTERVAL|BREAKER_PROBE|.*ATTEMPT_TIMEOUT|CONNECT_TIMEOUT|REGISTRY_MAX|PUBLISH_TIMEOUT)_/;
/** Sites and results are made so many at once. */
const AT_ONCE = 25;

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

/** A callback in a separate process, with the settings of production, except for the addresses. */
function spawnCallback(world: World): AsyncDisposable {
  const env = Object.fromEntries(Object.entries(world.env).filter(([name]) => !QUICK_OR_PATIENT.test(name)));
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

async function makeSites(world: World, count: number, callbackUrl: string): Promise<TestSite[]> {
  const sites: TestSite[] = [];
  while (sites.length < count)
    sites.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => world.site({ callbackUrl })))));
  return sites;
}

async function oneResultEach(world: World, sites: readonly TestSite[]): Promise<void> {
  for (let next = 0; next < sites.length; next += AT_ONCE)
    await Promise.all(sites.slice(next, next + AT_ONCE).map((site) => world.result(site)));
}

/** Sends the healthy sites results at a steady rate, and says what part of them arrived before an attempt that hung with the last one ended. */
async function shareDelivered(world: World, sites: readonly TestSite[], receiver: Receiver): Promise<number> {
  const sent: string[] = [];
  const endsAtMs = performance.now() + WINDOW_MS;
  while (performance.now() < endsAtMs) {
    const site = sites[sent.length % sites.length];
    assert.ok(site);
    sent.push((await world.result(site)).resultId);
    await delay(SENT_EVERY_MS);
  }
  const arrived = (): number => sent.filter((id) => receiver.stored.has(id)).length;
  const isAll = (): boolean => arrived() === sent.length;
  await waitFor(isAll, { what: 'all of them', timeoutMs: HANGS_MS }).catch(() => undefined);
  console.log(`${arrived()} of ${sent.length} results of healthy sites delivered`);
  return arrived() / sent.length;
}

/** Waits until the process delivers. */
async function untilUp(world: World, [site]: readonly TestSite[], receiver: Receiver): Promise<void> {
  assert.ok(site);
  const { resultId } = await world.result(site);
  await waitFor(() => receiver.stored.has(resultId), { what: 'the process to deliver', timeoutMs: 60_000 });
}

/** The shares of the healthy sites' results that arrive next to so many hanging endpoints: at first, and right after a kill of callback. */
export async function sharesNextToHanging(world: World, hangingSites: number): Promise<[fresh: number, again: number]> {
  await using hanging = await startHanging();
  await using receiver = await startReceiver();
  const stuck = await makeSites(world, hangingSites, hanging.url);
  const healthy = (await makeSites(world, AT_ONCE, receiver.url)).slice(0, HEALTHY);
  receiver.secrets = healthy.map(({ secret }) => secret);

  let callback = spawnCallback(world);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => callback[Symbol.asyncDispose]());
  await oneResultEach(world, stuck);
  await untilUp(world, healthy, receiver);
  const fresh = await shareDelivered(world, healthy, receiver);
  await callback[Symbol.asyncDispose]();

  // What the first process learned is lost with it, unless it is kept elsewhere.
  await oneResultEach(world, stuck);
  callback = spawnCallback(world);
  await untilUp(world, healthy, receiver);
  return [fresh, await shareDelivered(world, healthy, receiver)];
}
