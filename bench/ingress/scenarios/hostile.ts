import type { Bench } from '../bench.ts';
import { startGenerator } from '../bench.ts';
import { type Percentiles, round } from '../measure/statistics.ts';
import type { Proof } from '../system/proof.ts';
import { type CpuPerEvent, cpuPerEvent, load, startWarm } from './ingress.ts';

/** How ingress fares when nine in ten requests are hostile. */
export interface HostileRun {
  /** Bad HMACs and nothing else, closed loop. */
  badHmac: { perSecond: number; cpuMs: CpuPerEvent; statuses: Record<string, number>; stealPercent: number };
  /** Good requests and nothing else, closed loop: what accepting costs in this round. */
  goodAlone: { perSecond: number; cpuMs: CpuPerEvent; latencyMs: Percentiles; stealPercent: number };
  /** CPU of refusing a bad HMAC over CPU of accepting an event, ingress and nats-server together. */
  refusalCost: number;
  /** The mix at full load, closed loop over as many connections as `goodAlone`. */
  mix: {
    goodPerSecond: number;
    hostilePerSecond: number;
    latencyMs: Percentiles;
    good: Record<string, number>;
    hostile: Record<string, number>;
    stealPercent: number;
  };
  /** p95 of the good in the mix over their p95 alone, both at full load. */
  p95Ratio: number;
  /** The good ones at the mix's rate, open loop: without company, then beside a closed loop of bad HMACs, then of all hostile kinds. */
  paced: {
    ratePerSecond: number;
    alone: Percentiles;
    besideBadHmacs: Percentiles;
    besideHostile: Percentiles;
    p95Ratio: number;
  };
  proof: Proof;
}

const GOOD_EVERY = 10;
/** Hostile requests spend nothing, so these few serve again and again. */
const HOSTILE_POOL = 600;

/** One round against one replica, default sync. */
export async function runHostile(
  bench: Bench,
  options: { connections: number; seconds: number; warmUp: number },
): Promise<HostileRun> {
  const { connections, seconds } = options;
  await using warm = await startWarm(bench, { replicas: 1, syncAlways: false }, options.warmUp);
  const { stack, ledger, idleCpu, perSecond } = warm;
  const pools = [await bench.sign(HOSTILE_POOL, 'bad_hmac'), await bench.sign(HOSTILE_POOL, 'hostile')] as const;
  const [{ paths: badHmacs }, { paths: hostile }] = pools;

  const badHmac = await bench.measure(
    { ports: stack.ports, connections, seconds, good: badHmacs, cycle: true },
    stack.pids,
  );
  const refusedCount = badHmac.good.latencyMs.count;
  const full = Math.ceil(perSecond * seconds * 1.5);
  const alone = await load(bench, { stack, ledger, count: full, order: { connections, seconds } });
  const mix = await load(bench, {
    stack,
    ledger,
    count: full,
    order: { connections, seconds, hostile, goodEvery: GOOD_EVERY },
  });
  const goodInMix = mix.good.latencyMs.count;
  const ratePerSecond = Math.max(1, Math.round(goodInMix / mix.seconds));
  const paced = { stack, ledger, count: Math.ceil(ratePerSecond * seconds) + 2, order: { seconds, ratePerSecond } };
  const pacedAlone = await load(bench, paced);
  await using attacker = startGenerator();
  const besideAttack = async (attack: readonly string[]): Promise<Percentiles> => {
    // Signing comes first, and the attack must outlast the measurement.
    const attackOver = attacker.ask({
      ports: stack.ports,
      connections,
      seconds: seconds + 3,
      good: attack,
      cycle: true,
    });
    const { good } = await load(bench, paced);
    await attackOver;
    return good.latencyMs;
  };
  const besideBadHmacs = await besideAttack(badHmacs);
  const besideHostile = await besideAttack(hostile);
  for (const pool of pools) await bench.discard(pool);

  const refusing = cpuPerEvent(badHmac.usage, refusedCount, idleCpu);
  const accepting = cpuPerEvent(alone.usage, alone.good.statuses[202] ?? 0, idleCpu);
  const hostileInMix = Object.values(mix.hostile.statuses).reduce((sum, count) => sum + count, 0);
  return {
    badHmac: {
      perSecond: round(refusedCount / badHmac.seconds, 0),
      cpuMs: refusing,
      statuses: badHmac.good.statuses,
      stealPercent: badHmac.usage.stealPercent,
    },
    goodAlone: {
      perSecond: round((alone.good.statuses[202] ?? 0) / alone.seconds, 0),
      cpuMs: accepting,
      latencyMs: alone.good.latencyMs,
      stealPercent: alone.usage.stealPercent,
    },
    refusalCost: round(refusing.sum / accepting.sum, 3),
    mix: {
      goodPerSecond: round(goodInMix / mix.seconds, 0),
      hostilePerSecond: round(hostileInMix / mix.seconds, 0),
      latencyMs: mix.good.latencyMs,
      good: mix.good.statuses,
      hostile: mix.hostile.statuses,
      stealPercent: mix.usage.stealPercent,
    },
    p95Ratio: round(mix.good.latencyMs.p95 / alone.good.latencyMs.p95, 2),
    paced: {
      ratePerSecond,
      alone: pacedAlone.good.latencyMs,
      besideBadHmacs,
      besideHostile,
      p95Ratio: round(besideHostile.p95 / pacedAlone.good.latencyMs.p95, 2),
    },
    proof: await ledger.prove(stack.connection),
  };
}
