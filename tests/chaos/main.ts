// `make chaos`: breaks a whole stack in every way we know while events flow, and proves from ledgers at both ends what came of them.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCommandLine } from '@pressferry/runtime';
import { diagnose } from './diagnose.ts';
import { type ChaosOptions, parseOptions, USAGE } from './options.ts';
import { describe, printable } from './report.ts';
import { judgeLater, type Outcome, play } from './scenario.ts';
import { openWorld, type World } from './world.ts';

const options = readCommandLine(USAGE, parseOptions);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const root = resolve(options.checkout ?? fileURLToPath(new URL('../../', import.meta.url)));
console.error(`chaos in ${options.checkout ?? 'this checkout'}, seed ${options.seed}`);

const { outcomes, skipped, later, brokenLater } = await run(options);
console.log(printable(outcomes, { skipped, later, brokenLater }));
process.exit(areBroken(outcomes, brokenLater) || skipped.length > 0 ? 1 : 0);

async function run({ scenarios, seed, times, isQuick, minutes, keep, replicas }: ChaosOptions) {
  const deadlineMs = performance.now() + minutes * 60_000;
  const done: Outcome[] = [];
  const left = Array.from({ length: times }, (_, time) => scenarios.map((scenario) => ({ scenario, time }))).flat();
  await using world = await openWorld({ root, replicas });
  if (keep) console.error(`logs are kept in ${world.keepLogs()}`);
  while (left.length > 0 && performance.now() < deadlineMs) {
    const next = left.shift();
    if (next === undefined) break;
    const { scenario, time } = next;
    const outcome = await play(scenario, world, { seed: time === 0 ? seed : `${seed}.${time}`, isQuick });
    console.error(describe(outcome));
    done.push(outcome);
  }
  const brokenLater = await judgeLater(world, done);
  if (!keep && areBroken(done, brokenLater)) console.error(`logs are kept in ${world.keepLogs()}`);
  const skipped = left.map(({ scenario }) => scenario.name);
  return { outcomes: done, skipped, brokenLater, later: await whatCameLater(world, done) };
}

function areBroken(outcomes: readonly Outcome[], later: readonly string[]): boolean {
  return later.length > 0 || outcomes.some(({ verdict }) => verdict.broken.length > 0);
}

/** Lost events by what became of them since. */
async function whatCameLater(world: World, done: readonly Outcome[]): Promise<string[]> {
  const arrived = new Set(world.sink.arrivals.map(({ idempotencyKey }) => idempotencyKey));
  const lines: string[] = [];
  for (const { scenario, verdict } of done) {
    if (verdict.lost.length === 0) continue;
    const missing = verdict.lost.filter((key) => !arrived.has(key));
    lines.push(
      `${scenario.name}: ${verdict.lost.length - missing.length} of the ${verdict.lost.length} lost came after all`,
    );
    for (const line of await diagnose(world, missing.slice(0, 4))) lines.push(`  ${line}`);
  }
  if (world.sink.refused.length > 0)
    lines.push(`the sink refused pushes: ${world.sink.refused.slice(0, 4).join('; ')}`);
  return lines;
}
