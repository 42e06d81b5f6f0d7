import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { arrivalsIn } from '../ingress/load/open-loop.ts';
import { round } from '../ingress/measure/statistics.ts';
import { openLab } from './lab.ts';
import { startUsage } from './measure/processes.ts';
import type { PhaseName, PipelineOptions } from './options.ts';
import { measureWhole, measureWindow, type Phase } from './phase.ts';
import { byService, type Shape, type Subject, startSubject, type Variant } from './subject.ts';

/** Everything measured of one stack. */
export interface ShapeRun {
  variant: string;
  commit: string;
  shape: Shape;
  phases: Phase[];
  /** CPU ms a second with nothing to do, by service. */
  idleMsPerSecond: Record<string, number>;
  /** At the end, by service; memory shared by a service's processes counted once. */
  memoryMb: Record<string, number>;
  /** Journeys since the start of the stack, and what they left behind. */
  journeys: number;
  databaseKbEach: number;
  tablesKbEach: Record<string, number>;
  natsKbEach: number;
}

const RAMP_SECONDS = 3;
const IDLE_SECONDS = 6;
/** The steady phase may be faster than the burst. */
const HEADROOM = 1.6;

/** Starts a fresh stack of this shape, warms it up, and measures its phases one after the other. */
export async function measureShape(
  variant: Variant,
  shape: Shape,
  options: PipelineOptions,
  say: (what: string) => void,
): Promise<ShapeRun> {
  await using lab = await openLab({ sites: shape.sites, vendorMs: options.vendorMs });
  await using subject = await startSubject({ shape, variant, lab, ...profiling(options, variant) });
  const empty = { database: await databaseBytes(subject), nats: await subject.natsBytes() };
  say('warm-up');
  await measureWhole(subject, 'warm-up', await lab.sign(options.warmUp), { kind: 'burst' });
  const idleMsPerSecond = await measureIdle(subject);
  const phases: Phase[] = [];
  // Without a burst, its figure of another day has to do.
  let peak = 150;
  for (const name of ['burst', 'steady', 'at-50', 'at-100', 'at-half'] as const) {
    if (!options.phases.has(name)) continue;
    const phase = await measurePhase(name, subject, options, peak);
    say(brief(phase));
    phases.push(phase);
    if (name === 'burst' || name === 'steady') peak = Math.max(name === 'burst' ? 0 : peak, phase.perSecond);
  }
  const journeys = subject.proven.size;
  const each = (bytes: number): number => round(bytes / 1000 / Math.max(1, journeys), 2);
  const sizes = await subject.meter.sizes();
  const { 'the whole database': database = 0, ...tables } = sizes;
  return {
    variant: variant.name,
    commit: variant.commit,
    shape,
    phases,
    idleMsPerSecond,
    memoryMb: byService(subject.memoryMb()),
    journeys,
    databaseKbEach: each(database - empty.database),
    tablesKbEach: Object.fromEntries(Object.entries(tables).map(([name, bytes]) => [name, each(bytes)])),
    natsKbEach: each((await subject.natsBytes()) - empty.nats),
  };
}

async function measureIdle({ pids }: Subject): Promise<Record<string, number>> {
  const end = startUsage(pids.stack);
  await delay(IDLE_SECONDS * 1000);
  const { cpuMs, seconds } = end();
  return byService(Object.fromEntries(Object.entries(cpuMs).map(([name, ms]) => [name, ms / seconds])));
}

async function measurePhase(
  name: PhaseName,
  subject: Subject,
  { burst, seconds, window }: PipelineOptions,
  peak: number,
): Promise<Phase> {
  const { lab } = subject;
  if (name === 'burst') return measureWhole(subject, name, await lab.sign(burst), { kind: 'burst' });
  if (name === 'steady') {
    const count = Math.ceil(peak * HEADROOM * (seconds + RAMP_SECONDS)) + window;
    return measureWindow(subject, name, { pool: await lab.sign(count), window, rampSeconds: RAMP_SECONDS, seconds });
  }
  const ratePerSecond = name === 'at-50' ? 50 : name === 'at-100' ? 100 : Math.max(1, Math.round(peak / 2));
  const order = { ratePerSecond, seconds };
  const pool = await lab.sign(arrivalsIn(order) + availableParallelism());
  return measureWhole(subject, name === 'at-half' ? `at half, ${ratePerSecond}/s` : name, pool, {
    kind: 'open',
    ...order,
  });
}

const databaseBytes = async (subject: Subject): Promise<number> =>
  (await subject.meter.sizes())['the whole database'] ?? 0;

function profiling({ profileDir }: PipelineOptions, variant: Variant) {
  if (profileDir === undefined) return {};
  const of = (service: string) => ['--cpu-prof', `--cpu-prof-dir=${join(profileDir, variant.name, service)}`];
  const nodeArgs = { ingress: of('ingress'), enricher: of('enricher'), callback: of('callback') };
  return { nodeArgs, timePlanning: true };
}

const brief = ({ name, perSecond, cpuMsEachSum, latencyMs, faults }: Phase): string =>
  `${name}: ${perSecond}/s, ${cpuMsEachSum} ms of CPU each, p50 ${latencyMs.p50} p99 ${latencyMs.p99} ms${faults.length === 0 ? '' : `, FAULTS: ${faults.join('; ')}`}`;
