import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '@pressferry/admin';
import type { Command } from 'commander';
import { dataPaths } from '../paths.ts';
import { lockDataDir } from '../stack/lock.ts';
import { dataDirOption } from './options.ts';

export function addClean(program: Command): void {
  program
    .command('clean')
    .description('remove the data of a stopped stack; downloads in the cache stay')
    .addOption(dataDirOption())
    .option('--all', 'remove the downloads too')
    .action(({ dataDir, all = false }: { dataDir: string; all?: boolean }) =>
      runCommand(async () => {
        const removed = await clean(dataDir, all);
        console.log(removed.length === 0 ? 'nothing to remove' : `removed ${removed.join(', ')} from ${dataDir}`);
      }),
    );
}

/** Returns the removed names; rejects with an `InUseError` while a stack runs on the directory. */
export async function clean(dataDir: string, all: boolean): Promise<string[]> {
  const names = await readdir(dataDir).catch(() => []);
  const lock = dataPaths(dataDir).lock;
  const doomed = names
    .map((name) => join(dataDir, name))
    .filter((path) => path !== lock && (all || path !== join(dataDir, 'cache')));
  if (names.length === 0) return [];
  await using _owned = await lockDataDir(dataPaths(dataDir));
  for (const path of doomed) await rm(path, { recursive: true, force: true });
  return doomed.map((path) => path.slice(dataDir.length + 1));
}
