import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { forkScript } from '../system/child.ts';
import type { PoolKind } from './requests.ts';

/** In files. Tokens live two minutes: use them at once. */
export interface SignedPool {
  paths: string[];
  count: number;
  /** In the signers' own CPU time. */
  cpuMs: number;
}

let pools = 0;

/**
 * Signs in one process per processor, for the benchmark's site or for so many journey sites in turn, from the named one
 * on. `dir` should be in memory.
 */
export async function signPool(
  dir: string,
  count: number,
  kind: PoolKind = 'good',
  sites = { first: 0, count: 0 },
): Promise<SignedPool> {
  const name = `pool-${++pools}`;
  const workers = Math.min(availableParallelism(), Math.ceil(count / 100));
  const share = Math.ceil(count / workers);
  const parts = await Promise.all(
    Array.from({ length: workers }, async (_, part) => {
      const path = join(dir, `${name}-${part}`);
      const args = [path, kind, String(share), String(sites.first), String(sites.count)];
      await using signer = forkScript<never, { cpuMs: number }>(new URL('./sign.ts', import.meta.url), args, [], true);
      const { cpuMs } = await signer.ask(null);
      return { path, cpuMs };
    }),
  );
  return {
    paths: parts.map(({ path }) => path),
    count: share * workers,
    cpuMs: parts.reduce((sum, part) => sum + part.cpuMs, 0),
  };
}
