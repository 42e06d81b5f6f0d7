import type { Bench } from './bench.ts';
import type { BenchOptions } from './options.ts';
import { INGRESS_SCENARIOS, type Round } from './report/results.ts';
import { runBareServer, runFloors, runPublishes, startBareServer } from './scenarios/ceilings.ts';
import { runHostile, runRefusals } from './scenarios/hostile.ts';
import { runIngress } from './scenarios/ingress.ts';

/** Bare servers cannot tell requests apart, so a few serve. */
const BARE_POOL = 1_000;

/** Runs each scenario that was asked for once, one after the other, so that all of them meet the same weather. */
export async function runRound(
  bench: Bench,
  options: Omit<BenchOptions, 'rounds'>,
  onProgress: (what: string) => void,
): Promise<Round> {
  const { only, seconds, connections, warmUp } = options;
  const round: Round = {};
  const pool = await bench.sign(BARE_POOL);
  await using fastify = await startBareServer('fastify');

  if (only.has('floors')) {
    onProgress('the cryptography alone');
    round.floors = await runFloors(seconds);
  }
  if (only.has('http')) {
    onProgress('bare node:http');
    await using http = await startBareServer('http');
    round.http = await runBareServer(bench, http, { pool, connections, seconds });
  }
  if (only.has('fastify')) {
    onProgress('bare Fastify');
    round.fastify = await runBareServer(bench, fastify, { pool, connections, seconds });
  }
  for (const name of ['publish', 'publish-always'] as const) {
    if (!only.has(name)) continue;
    onProgress(`bare JetStream publishes, ${name}`);
    round[name] = await runPublishes(bench, { syncAlways: name === 'publish-always', inFlight: connections, seconds });
  }
  for (const name of INGRESS_SCENARIOS) {
    if (!only.has(name)) continue;
    onProgress(name);
    const shape = { replicas: name.includes('2') ? 2 : 1, syncAlways: name.endsWith('always') };
    const measured = { server: fastify, peakPerSecond: round.fastify?.perSecond ?? null };
    const order = { shape, connections, seconds, warmUp, fastify: measured, fastifyPool: pool.paths };
    round[name] = await runIngress(bench, order);
  }
  if (only.has('refusals')) {
    onProgress('refusals at once');
    round.refusals = await runRefusals(bench, { connections, seconds, warmUp });
  }
  if (only.has('hostile')) {
    onProgress('hostile mix');
    round.hostile = await runHostile(bench, { connections, seconds, warmUp });
  }
  await bench.discard(pool);
  return round;
}
