import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Rate } from '../src/decision.ts';
import { CALM, excess, type Network, Simulation } from './simulation.ts';

/** A small generator of its own (mulberry32), so a failing seed repeats exactly. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const rates = fc.record({
  perMinute: fc.constantFrom(300, 1_200, 6_000),
  burst: fc.constantFrom(1, 2, 5, 20),
});
const networks: fc.Arbitrary<Network> = fc.record({
  loss: fc.constantFrom(0, 0.02, 0.2),
  late: fc.constantFrom(0, 0.05, 0.3),
  maxDelayMs: fc.constantFrom(1, 20, 100),
  maxLateMs: fc.constantFrom(300, 2_000),
});
const actions = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 2_500 }),
    what: fc.constantFrom('start', 'start', 'crash', 'restart', 'leave', 'pause', 'cut', 'heal'),
    who: fc.nat(20),
    forMs: fc.integer({ min: 10, max: 4_000 }),
  }),
  { minLength: 4, maxLength: 25 },
);

type Action = (typeof actions extends fc.Arbitrary<infer T> ? T : never)[number];

function act(cluster: Simulation, { what, who, forMs }: Action): void {
  const alive = cluster.processes.filter((process) => process.alive);
  const process = alive[who % Math.max(1, alive.length)];
  if (what === 'start' && alive.length < 6) cluster.start();
  if (process === undefined) return;
  if (what === 'crash' || what === 'restart') cluster.crash(process);
  if (what === 'restart') cluster.start(process.memberId);
  if (what === 'leave') cluster.leave(process);
  if (what === 'pause') process.pausedUntilMs = cluster.nowMs + forMs;
  if (what === 'cut') cluster.cut(process, forMs);
  if (what === 'heal') for (const one of alive) one.connected = true;
}

/** Hits a fresh key, whose buckets are as full as they can be, through every replica at once, and goes on for a while. */
function attack(cluster: Simulation, key: string, rate: Rate, random: () => number): void {
  const processes = cluster.processes.filter((process) => process.alive);
  const count = rate.burst * 1.5 + 2;
  for (const process of processes) {
    for (let one = 0; one < count; one++) cluster.schedule(random() * 400, () => cluster.take(process, key));
    for (let one = 0; one < 20; one++) cluster.schedule(random() * 4_000, () => cluster.take(process, key));
  }
}

test('whatever joins, leaves, crashes, stops, is cut off or lost: no window admits more than burst + rate × length', async () => {
  let fullest = Number.NEGATIVE_INFINITY;
  await fc.assert(
    fc.asyncProperty(fc.nat(), rates, networks, actions, async (seed, rate, network, script) => {
      const random = randomFrom(seed);
      const cluster = new Simulation(random, rate, network);
      for (let count = 0; count < 3; count++) cluster.start();
      let keys = 0;
      const press = (): void => {
        attack(cluster, `key ${keys++}`, rate, random);
        cluster.schedule(random() * 800, press);
      };
      press();
      for (const action of script) {
        await cluster.run(action.afterMs);
        act(cluster, action);
      }
      await cluster.run(3_000);
      for (const admissions of cluster.admissions.values()) {
        const over = excess(admissions, rate);
        fullest = Math.max(fullest, over);
        assert.ok(over < 1e-6, `${over} admitted beyond the bound`);
      }
    }),
    { numRuns: 20, endOnFailure: true },
  );
  // The bound is reached, or the property would show nothing.
  assert.ok(fullest > -0.5, `the fullest window stayed ${-fullest} below the bound`);
});

const BIG: Rate = { perMinute: 60, burst: 60 };

for (const [members, rate] of [
  [3, BIG],
  [3, { perMinute: 6_000, burst: 10 }],
  [5, { perMinute: 600, burst: 5 }],
  [3, { perMinute: 60, burst: 2 }],
  [3, { perMinute: 60, burst: 1 }],
] as const) {
  test(`${rate.perMinute}/min with a burst of ${rate.burst} is usable whole through one of ${members} replicas`, async () => {
    const random = randomFrom(7);
    const cluster = new Simulation(random, rate, CALM);
    for (let count = 0; count < members; count++) cluster.start();
    await cluster.run(120_000);
    const lengthMs = rate.perMinute > 600 ? 10_000 : 60_000;
    const [first] = cluster.processes;
    // A bucket of one token overflows between requests that are far apart.
    const everyMs = 60_000 / rate.perMinute / (rate.burst === 1 ? 50 : 5);
    for (let atMs = 0; atMs < lengthMs; atMs += everyMs) cluster.schedule(atMs, () => cluster.take(first, 'key'));
    // The burst at once.
    for (let count = 0; count < rate.burst; count++) cluster.take(first, 'key');
    await cluster.run(lengthMs);
    const admitted = cluster.admissions.get('key')?.length ?? 0;
    const budget = rate.burst + (rate.perMinute * lengthMs) / 60_000;
    assert.ok(excess(cluster.admissions.get('key') ?? [], rate) < 1e-6);
    assert.ok(admitted >= budget * 0.97 - 1, `${admitted} of ${budget}`);
    assert.deepEqual(cluster.faults, []);
  });
}

test('a newcomer spends nothing by itself before every member counts it', async () => {
  const cluster = new Simulation(randomFrom(1), BIG, CALM);
  const first = cluster.start();
  await cluster.run(1_000);
  assert.equal(first.member.state().share, 1);
  cluster.cut(first, 700);
  const second = cluster.start();
  await cluster.run(690);
  assert.equal(second.member.isActive, false);
  assert.equal(first.member.state().share, 1);
  await cluster.run(3_000);
  assert.deepEqual([first.member.state().share, second.member.state().share], [1 / 2, 1 / 2]);
});

test('a member that could not refresh in time spends nothing, and goes on with its tokens if no one took its place', async () => {
  const cluster = new Simulation(randomFrom(1), BIG, CALM);
  const only = cluster.start();
  await cluster.run(1_000);
  for (let taken = 0; taken < 50; taken++) cluster.take(only, 'key');
  cluster.cut(only, 3_000);
  await cluster.run(1_500);
  cluster.take(only, 'key');
  assert.equal(cluster.admissions.get('key')?.length, 50);
  await cluster.run(3_000);
  for (let taken = 0; taken < 50; taken++) cluster.take(only, 'key');
  const admitted = cluster.admissions.get('key')?.length ?? 0;
  assert.ok(admitted > 60 && admitted <= 65, String(admitted));
});
