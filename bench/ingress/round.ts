import type { Bench } from './bench.ts';
import type { BenchOptions } from './options.ts';
import { INGRESS_SCENARIOS, type Round } from './report/results.ts';
import { runHostile, runRefusals } from './scenarios/hostile.ts';
import { runIngress } from './scenarios/ingress.ts';

/** Runs each scenario that was asked for once, one after the other, so all of them meet the same weather. */
export async function runRound(
  bench: Bench,
  options: Omit<BenchOptions, 'rounds'>,
  onProgress: (what: string) => void,
): Promise<Round> {
  const { only, seconds, connections, warmUp } = options;
  const round: Round = {};
  for (const name of INGRESS_SCENARIOS) {
    if (!only.has(name)) continue;
    onProgress(name);
    const shape = { replicas: name.includes('2') ? 2 : 1, syncAlways: name.endsWith('always') };
    round[name] = await runIngress(bench, { shape, connections, seconds, warmUp });
  }
  if (only.has('refusals')) {
    onProgress('refusals at once');
    round.refusals = await runRefusals(bench, { connections, seconds, warmUp });
  }
  if (only.has('hostile')) {
    onProgress('hostile mix');
    round.hostile = await runHostile(bench, { connections, seconds, warmUp });
  }
  return round;
}
