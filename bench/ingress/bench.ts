import { rmSync } from 'node:fs';
import { mkdtemp, rm, statfs, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveNatsServer } from '@pressferry/embedded';
import type { LoadOrder, LoadReport } from './load/generator.ts';
import type { PoolKind } from './load/requests.ts';
import { type SignedPool, signPool } from './load/signers.ts';
import { startUsage, type Usage } from './measure/processes.ts';
import { type ForkedScript, forkScript } from './system/child.ts';
import { createPlacement, type Placement } from './system/placement.ts';

export interface Bench extends AsyncDisposable {
  natsBinary: string;
  /** A real disk, for durable writes. */
  diskDir: string;
  generator: ForkedScript<LoadOrder, LoadReport>;
  placement: Placement;
  /** Signs requests now, into memory. */
  sign: (count: number, kind?: PoolKind) => Promise<SignedPool>;
  /** Removes a pool that is used up. */
  discard: (pool: SignedPool) => Promise<void>;
  /** An unused file name in memory. */
  memoryFile: () => string;
  /** Runs an order on the generator while measuring the named processes. */
  measure: (
    order: LoadOrder,
    pids: Readonly<Record<string, readonly number[]>>,
  ) => Promise<LoadReport & { usage: Usage }>;
}

/** For load that is not measured. */
export const startGenerator = (): ForkedScript<LoadOrder, LoadReport> =>
  forkScript<LoadOrder, LoadReport>(new URL('./load/generator.ts', import.meta.url));

const CACHE_DIR = fileURLToPath(new URL('../../.pressferry/cache', import.meta.url));
const MEMORY_DIR = '/dev/shm';
const ENOUGH_BYTES = 2 * 1024 ** 3;

/** Disposal ends its processes and removes its files. `isShared`: see `createPlacement`. */
export async function openBench(onProgress: (what: string) => void, isShared = false): Promise<Bench> {
  await using opened = new AsyncDisposableStack();
  const temporary = async (parent: string): Promise<string> => {
    const dir = await mkdtemp(join(parent, 'pressferry-bench-'));
    opened.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    // An interrupted benchmark ends without disposal, and pools fill the memory.
    process.once('exit', () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
    return dir;
  };
  const natsBinary = await resolveNatsServer({ cacheDir: CACHE_DIR, onProgress });
  const diskDir = await temporary(tmpdir());
  const memoryDir = await temporary(await memoryParent(onProgress));
  const generator = opened.use(startGenerator());
  let files = 0;
  const resources = opened.move();
  return {
    natsBinary,
    diskDir,
    generator,
    placement: createPlacement(isShared),
    sign: (count, kind) => signPool(memoryDir, count, kind),
    discard: async ({ paths }) => void (await Promise.all(paths.map((path) => unlink(path)))),
    memoryFile: () => join(memoryDir, `outcomes-${++files}`),
    measure: async (order, pids) => {
      const end = startUsage(pids);
      const report = await generator.ask(order);
      return { ...report, usage: end() };
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function memoryParent(onProgress: (what: string) => void): Promise<string> {
  const memory = await statfs(MEMORY_DIR).catch(() => undefined);
  if (memory && memory.bavail * memory.bsize > ENOUGH_BYTES) return MEMORY_DIR;
  onProgress(`no memory disk of 2 GB in ${MEMORY_DIR}: signed requests are kept in ${tmpdir()}`);
  return tmpdir();
}
