// `make bench-pipeline`: what a journey costs, from a signed event to its signed acknowledgement. bench/README.md explains each figure.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PINNED_NATS_VERSION } from '@pressferry/embedded';
import { readCommandLine } from '@pressferry/runtime';
import { describeMachine } from '../ingress/report/results.ts';
import { type PipelineOptions, parseOptions, USAGE } from './options.ts';
import { describeShape, printable } from './report/print.ts';
import { fillFor } from './scenarios/filled.ts';
import { measureScenario, type ScenarioRun } from './scenarios/index.ts';
import { measureShape, type ShapeRun } from './shape.ts';
import { describeCheckout, type Shape, type Variant } from './subject.ts';

const options = readCommandLine(USAGE, parseOptions);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const startedAt = new Date();
const variants = variantsOf(options);
if (options.keepFilledDir !== undefined) await keepAndEnd(options.keepFilledDir);
const shapes = shapesOf(options);
const runs: ShapeRun[] = [];
if (options.phases.size > 0) {
  for (let round = 1; round <= options.rounds; round++) {
    for (const shape of shapes) {
      // Taking turns: what the machine does meanwhile meets both.
      for (const variant of variants) {
        const place = `${describeShape(shape)}, ${variant.name} (${variant.commit}), round ${round} of ${options.rounds}`;
        console.error(place);
        runs.push(await measureShape(variant, shape, options, (what) => console.error(`  ${what}`)));
      }
    }
  }
}
const scenarios: ScenarioRun[] = [];
for (const scenario of options.scenarios) {
  for (const variant of variants) {
    console.error(`${scenario}, ${variant.name} (${variant.commit})`);
    const run = await measureScenario(scenario, variant, options, (what) => console.error(`  ${what}`));
    scenarios.push(run);
    console.error(run.lines);
  }
}
const results = {
  startedAt: startedAt.toISOString(),
  seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
  machine: describeMachine(PINNED_NATS_VERSION),
  options: { ...options, phases: [...options.phases] },
  variants,
  runs,
  scenarios: scenarios.map(({ lines: _, ...run }) => run),
};
await mkdir(dirname(options.resultsFile), { recursive: true });
await writeFile(options.resultsFile, `${JSON.stringify(results, null, 2)}\n`);
const texts = [
  ...(runs.length === 0 ? [] : [printable(runs)]),
  ...scenarios.map(({ scenario, variant, commit, lines }) => `${scenario}, ${variant} (${commit})\n${lines}`),
];
console.log(`\n${texts.join('\n\n')}\n\nwritten to ${options.resultsFile}`);
const faults = [
  ...runs.flatMap(({ phases }) => phases.flatMap(({ name, faults: found }) => found.map((one) => `${name}: ${one}`))),
  ...scenarios.flatMap(({ scenario, faults: found }) => found.map((one) => `${scenario}: ${one}`)),
];
if (faults.length > 0) console.log(`\nNOT EXACTLY ONCE:\n${faults.join('\n')}`);
// A number that is missed is a finding; an event that is lost or comes twice is a fault.
process.exit(faults.length > 0 ? 1 : 0);

async function keepAndEnd(dir: string): Promise<never> {
  const say = (what: string): void => console.error(`  ${what}`);
  const [variant] = variants;
  if (variant === undefined) throw new Error('there is nothing to fill with');
  const { rows, bytesEach, fillSeconds } = await fillFor(variant, { dir, rows: options.rows, say });
  console.log(`${dir}: ${rows} finished journeys in ${fillSeconds} s, ${bytesEach} bytes each`);
  process.exit(0);
}

function variantsOf({ checkout, versus }: PipelineOptions): Variant[] {
  const own = checkout ?? fileURLToPath(new URL('../../', import.meta.url));
  const roots = [own, ...(versus === undefined ? [] : [versus])].map((root) => resolve(root));
  for (const root of roots) {
    if (!existsSync(join(root, 'services/enricher/src/main.ts'))) throw new Error(`${root} is no checkout`);
    if (!existsSync(join(root, 'node_modules'))) throw new Error(`${root} has no node_modules: make install there`);
  }
  return roots.map((root, at) => ({ name: at === 0 ? 'A' : 'B', root, commit: describeCheckout(root) }));
}

function shapesOf({ sites, replicas, sync }: PipelineOptions): Shape[] {
  return sites.flatMap((siteCount) =>
    replicas.flatMap((count) =>
      sync.map((name) => ({ sites: siteCount, replicas: count, syncAlways: name === 'always' })),
    ),
  );
}
