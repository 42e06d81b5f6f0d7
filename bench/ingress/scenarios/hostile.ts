import type { Bench } from '../bench.ts';
import { startGenerator } from '../bench.ts';
import { arrivalsIn, RAMP_SECONDS } from '../load/open-loop.ts';
import { type Percentiles, round } from '../measure/statistics.ts';
import type { Proof } from '../system/proof.ts';
import { type CpuPerEvent, cpuPerEvent, load, startWarm, type WarmStack } from './ingress.ts';

/** Everything refused at once: the cost of a refusal, and the mix without delays. */
export interface RefusalRun {
  /** Bad HMACs only, closed loop. */
  badHmac: { perSecond: number; cpuMs: CpuPerEvent; statuses: Record<string, number>; stealPercent: number };
  /** Good requests only, closed loop: the cost of accepting in this round. */
  goodAlone: { perSecond: number; cpuMs: CpuPerEvent; latencyMs: Percentiles; stealPercent: number };
  /** CPU of refusing a bad HMAC over CPU of accepting an event, ingress and nats-server together. */
  refusalCost: number;
  mix: Mix;
  proof: Proof;
}

/** As deployed: unproven refusals are delayed. */
export interface HostileRun {
  goodAlone: Percentiles;
  mix: Mix;
  /** Good ones in an open loop: alone, then with a closed loop of bad HMACs, then of all hostile kinds. */
  paced: {
    ratePerSecond: number;
    alone: Percentiles;
    besideBadHmacs: Percentiles;
    besideHostile: Percentiles;
    /** The same over many more connections, so so many a second get through. */
    besideCrowd: Percentiles;
    crowdPerSecond: number;
    p95Ratio: number;
  };
  proof: Proof;
}

/** Good and hostile ones in one closed loop, over as many connections as the good ones had alone. */
export interface Mix {
  goodPerSecond: number;
  hostilePerSecond: number;
  latencyMs: Percentiles;
  good: Record<string, number>;
  hostile: Record<string, number>;
  stealPercent: number;
  /** p95 of the good in the mix over their p95 alone. */
  p95Ratio: number;
}

interface HostileOptions {
  connections: number;
  seconds: number;
  warmUp: number;
}

interface Pools {
  badHmacs: readonly string[];
  hostile: readonly string[];
}

const GOOD_EVERY = 10;
const REFUSAL_WARM_UP_S = 2;
/** Hostile requests spend nothing, so a few are repeated. */
const HOSTILE_POOL = 600;
/** Even delayed, this many connections send thousands of requests a second. */
const CROWD_CONNECTIONS = 512;
/** The paced requests' share of the peak. */
const PACED_PART = 0.1;

async function signHostile(bench: Bench): Promise<{ pools: Pools } & AsyncDisposable> {
  const signed = [await bench.sign(HOSTILE_POOL, 'bad_hmac'), await bench.sign(HOSTILE_POOL, 'hostile')] as const;
  return {
    pools: { badHmacs: signed[0].paths, hostile: signed[1].paths },
    [Symbol.asyncDispose]: async () => void (await Promise.all(signed.map((pool) => bench.discard(pool)))),
  };
}

/** One round of refusals at once against one replica, default sync. */
export async function runRefusals(bench: Bench, options: HostileOptions): Promise<RefusalRun> {
  const { connections, seconds, warmUp } = options;
  await using signed = await signHostile(bench);
  const { pools } = signed;
  const shape = { replicas: 1, syncAlways: false, env: { REFUSAL_DELAY_MS: '0' } };
  await using warm = await startWarm(bench, shape, warmUp);
  const { stack, ledger, idleCpu } = warm;
  const refusing = { ports: stack.ports, connections, good: pools.badHmacs, cycle: true };
  // As warm as what it is compared with.
  await bench.generator.ask({ ...refusing, seconds: REFUSAL_WARM_UP_S });
  const badHmac = await bench.measure({ ...refusing, seconds }, stack.pids);
  const refusedCount = badHmac.good.latencyMs.count;
  const alone = await load(bench, { stack, ledger, count: fullCount(warm, seconds), order: { connections, seconds } });
  const mix = await runMix(bench, warm, { options, pools, alone: alone.good.latencyMs });
  const refusalCpu = cpuPerEvent(badHmac.usage, refusedCount, idleCpu);
  const accepting = cpuPerEvent(alone.usage, alone.good.statuses[202] ?? 0, idleCpu);
  return {
    badHmac: {
      perSecond: round(refusedCount / badHmac.seconds, 0),
      cpuMs: refusalCpu,
      statuses: badHmac.good.statuses,
      stealPercent: badHmac.usage.stealPercent,
    },
    goodAlone: {
      perSecond: round((alone.good.statuses[202] ?? 0) / alone.seconds, 0),
      cpuMs: accepting,
      latencyMs: alone.good.latencyMs,
      stealPercent: alone.usage.stealPercent,
    },
    refusalCost: round(refusalCpu.sum / accepting.sum, 3),
    mix,
    proof: await ledger.prove(stack.connection),
  };
}

/** One round as deployed against one replica, default sync. */
export async function runHostile(bench: Bench, options: HostileOptions): Promise<HostileRun> {
  const { connections, seconds, warmUp } = options;
  await using signed = await signHostile(bench);
  const { pools } = signed;
  await using warm = await startWarm(bench, { replicas: 1, syncAlways: false }, warmUp);
  const { stack, ledger } = warm;
  const { good } = await load(bench, {
    stack,
    ledger,
    count: fullCount(warm, seconds),
    order: { connections, seconds },
  });
  const goodAlone = good.latencyMs;
  const mix = await runMix(bench, warm, { options, pools, alone: goodAlone });
  const ratePerSecond = Math.max(1, Math.round((PACED_PART * goodAlone.count) / seconds));
  const order = { stack, ledger, count: arrivalsIn({ seconds, ratePerSecond }), order: { seconds, ratePerSecond } };
  const alone = await load(bench, order);
  await using attacker = startGenerator();
  bench.placement.keepApart([], [attacker.pid]);
  const besideAttack = async (attack: readonly string[], attackers = connections) => {
    // Signing comes first, and the attack must outlast the measurement.
    const attackOver = attacker.ask({
      ports: stack.ports,
      connections: attackers,
      seconds: seconds + RAMP_SECONDS + 3,
      good: attack,
      cycle: true,
    });
    const { good } = await load(bench, order);
    const attacks = await attackOver;
    return { latencyMs: good.latencyMs, perSecond: round(attacks.good.latencyMs.count / attacks.seconds, 0) };
  };
  const besideBadHmacs = await besideAttack(pools.badHmacs);
  const besideHostile = await besideAttack(pools.hostile);
  const besideCrowd = await besideAttack(pools.hostile, CROWD_CONNECTIONS);
  return {
    goodAlone,
    mix,
    paced: {
      ratePerSecond,
      alone: alone.good.latencyMs,
      besideBadHmacs: besideBadHmacs.latencyMs,
      besideHostile: besideHostile.latencyMs,
      besideCrowd: besideCrowd.latencyMs,
      crowdPerSecond: besideCrowd.perSecond,
      p95Ratio: round(besideHostile.latencyMs.p95 / alone.good.latencyMs.p95, 2),
    },
    proof: await ledger.prove(stack.connection),
  };
}

const fullCount = ({ perSecond }: WarmStack, seconds: number): number => Math.ceil(perSecond * seconds * 1.5);

async function runMix(
  bench: Bench,
  warm: WarmStack,
  { options, pools, alone }: { options: HostileOptions; pools: Pools; alone: Percentiles },
): Promise<Mix> {
  const { connections, seconds } = options;
  const mix = await load(bench, {
    stack: warm.stack,
    ledger: warm.ledger,
    count: fullCount(warm, seconds),
    order: { connections, seconds, hostile: pools.hostile, goodEvery: GOOD_EVERY },
  });
  const hostile = Object.values(mix.hostile.statuses).reduce((sum, count) => sum + count, 0);
  return {
    goodPerSecond: round(mix.good.latencyMs.count / mix.seconds, 0),
    hostilePerSecond: round(hostile / mix.seconds, 0),
    latencyMs: mix.good.latencyMs,
    good: mix.good.statuses,
    hostile: mix.hostile.statuses,
    stealPercent: mix.usage.stealPercent,
    p95Ratio: round(mix.good.latencyMs.p95 / alone.p95, 2),
  };
}
