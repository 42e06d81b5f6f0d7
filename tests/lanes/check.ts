import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, ROOT } from './command.ts';
import type { Lane } from './lane.ts';

/** One check: resolves to what is wrong, with a word on the remedy, or to nothing. */
interface Check {
  name: string;
  run: () => Promise<string | undefined>;
}

const tool = (name: string, program: string, ...args: string[]): Check => ({
  name,
  run: async () => {
    const { code, output } = await command(`node_modules/.bin/${program}`, args);
    return code === 0 ? undefined : output;
  },
});

/** Runs a generator with a temporary folder as its last argument, and compares each file it wrote there with the committed one. */
const generated = (name: string, generator: string, committed: string, remedy: string): Check => ({
  name,
  run: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pressferry-generated-'));
    try {
      const { code, output } = await command(process.execPath, [generator, folder]);
      if (code !== 0) return output;
      const stale = await differing(folder, join(ROOT, committed));
      return stale.length === 0 ? undefined : `not up to date: ${stale.join(', ')}; run \`${remedy}\` and commit`;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

async function differing(made: string, committed: string): Promise<string[]> {
  const entries = await readdir(made, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const same = await Promise.all(
    files.map(async (file) => {
      const other = await readFile(join(committed, file.slice(made.length))).catch(() => undefined);
      return other?.equals(await readFile(file)) ?? false;
    }),
  );
  const stale = files.filter((_, index) => !same[index]).map((file) => file.slice(made.length + 1));
  return files.length === 0 ? ['nothing was generated'] : stale;
}

const STANDARDS = ['WordPress-Extra', 'WordPress-Docs', 'PHPCompatibilityWP'];

/** phpcs does not come with the checkout: docs/decisions/0093. */
const codingStandards: Check = {
  name: "the plugin's coding standards",
  run: async () => {
    const installed = await command('phpcs', ['-i']).then(
      ({ output }) => output,
      () => undefined,
    );
    const missing = STANDARDS.filter((name) => !installed?.includes(name));
    if (missing.length > 0) {
      console.log(
        `  the plugin's coding standards are not judged: ${installed === undefined ? 'no phpcs on the PATH' : `phpcs lacks ${missing.join(', ')}`}`,
      );
      return undefined;
    }
    const { code, output } = await command('phpcs', [
      '-q',
      '--standard=wordpress/pressferry/phpcs.xml.dist',
      'wordpress/pressferry',
    ]);
    return code === 0 ? undefined : output;
  },
};

const CHECKS: Check[] = [
  codingStandards,
  tool('types', 'tsc', '--noEmit'),
  tool('lint and format', 'biome', 'check', '--error-on-warnings', '--max-diagnostics=10', '--colors=off', '.'),
  tool('protobuf lint', 'buf', 'lint', 'proto'),
  tool('protobuf stays compatible', 'buf', 'breaking', 'proto', '--against', 'proto/baseline.binpb'),
  generated('generated TypeScript', 'proto/generate.ts', 'packages/contracts/src', 'make proto'),
  generated('test vectors', 'proto/vectors/generate.ts', 'proto/vectors', 'make proto'),
  generated("the chart's schema and README", 'scripts/chart.ts', 'charts/pressferry', 'make docs'),
  generated('generated parts of the documents', 'scripts/docs.ts', 'docs', 'make docs'),
  generated(
    "the plugin's share of the wire",
    'wordpress/generate.ts',
    'wordpress/pressferry/src/Contract',
    'make proto',
  ),
];

/** Everything that is judged without running the product. */
export const checkLane: Lane = {
  name: 'check',
  run: async () => {
    const found = await Promise.all(
      CHECKS.map(async ({ name, run }) => {
        const wrong = await run();
        console.log(wrong === undefined ? `✓ ${name}` : `✗ ${name}\n${wrong}`);
        return wrong === undefined ? [] : [{ name, reason: wrong }];
      }),
    );
    const failures = found.flat();
    return { passed: CHECKS.length - failures.length, failed: failures.length, skipped: [], failures };
  },
};
