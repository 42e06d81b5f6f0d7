import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installWordPress, playgroundArgs } from '@pressferry/embedded/wordpress';
import { type Counts, findProgram, type Lane, pluginDir, run, vectorsDir } from './lane.ts';

/** WordPress and SQLite under PHP in WebAssembly, which needs nothing but Node and npm. */
export function playgroundLane(phpVersion: string, cacheDir: string): Lane {
  return {
    name: `Playground: PHP ${phpVersion} in WebAssembly, WordPress 6.5, SQLite`,
    async unavailable() {
      return (await findProgram('npm')) ? undefined : 'npm is not installed';
    },
    // One processor each.
    runsWithOthers: true,
    async run(print = (text) => void process.stdout.write(text)) {
      const onProgress = (line: string) => print(`${line}\n`);
      const { cliPath, wordpressDir } = await installWordPress({ cacheDir, onProgress });
      await using stack = new AsyncDisposableStack();
      const dir = await mkdtemp(join(tmpdir(), 'pressferry-plugin-tests-'));
      stack.defer(() => rm(dir, { recursive: true, force: true }));
      const content = '/wordpress/wp-content';
      for (const name of ['database', 'uploads', 'mu-plugins']) await mkdir(join(dir, name));
      const mounts = [
        { from: wordpressDir, to: '/wordpress' },
        ...['database', 'uploads', 'mu-plugins'].map((name) => ({ from: join(dir, name), to: `${content}/${name}` })),
        { from: pluginDir, to: `${content}/plugins/pressferry` },
        { from: vectorsDir, to: '/vectors' },
      ];
      const args = [
        ...playgroundArgs(cliPath, 'php', mounts),
        ...[`--php=${phpVersion}`, '--verbosity=quiet'],
        '--wordpress-install-mode=install-from-existing-files-if-needed',
        ...['--', `${content}/plugins/pressferry/tests/run-with-shim.php`],
      ];
      const { output } = await run(process.execPath, args, { cwd: dir, env: { ...process.env, NODE_OPTIONS: '' }, print });
      return countsOf(output);
    },
  };
}

function countsOf(output: string): Counts {
  const result = /^RESULT (\{.*\})$/m.exec(output)?.[1];
  // No result line: PHP died on the way.
  return result ? (JSON.parse(result) as Counts) : { passed: 0, failed: 1, skipped: 0 };
}
