// Generates the TypeScript of the protobuf contracts: `node proto/generate.ts [folder] [--baseline]`. The folder gets `gen/`; by default
// it is where the code imports it from. `--baseline` also writes the image that later changes are compared with: once a release.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readCommandLine } from '@pressferry/runtime';

const root = fileURLToPath(new URL('..', import.meta.url));
const USAGE = `usage: node proto/generate.ts [FOLDER] [options]
  --baseline    also writes the image that later changes are compared with: once a release`;
const { values, positionals } = readCommandLine(USAGE, (args) =>
  parseArgs({
    args,
    options: { baseline: { type: 'boolean' } },
    allowPositionals: true,
  }),
);

function buf(...args: string[]): void {
  const { status, error } = spawnSync('node_modules/.bin/buf', args, { cwd: root, stdio: 'inherit' });
  if (error) throw new Error('buf cannot be run; `make install` installs it', { cause: error });
  if (status !== 0) process.exit(status ?? 1);
}

// buf looks for the plugin in PATH.
process.env.PATH = `${root}node_modules/.bin:${process.env.PATH ?? ''}`;
buf('generate', 'proto', '--template', 'proto/buf.gen.yaml', '--output', positionals[0] ?? 'packages/contracts/src');
if (values.baseline) buf('build', 'proto', '--output', 'proto/baseline.binpb', '--exclude-source-info');
