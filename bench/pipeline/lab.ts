import { readFileSync, rmSync } from 'node:fs';
import { chmod, mkdtemp, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arrival, VendorCall } from '@pressferry/testing/journey';
import { type SignedPool, signPool } from '../ingress/load/signers.ts';
import { type ForkedScript, forkScript } from '../ingress/system/child.ts';
import type { SendOrder, SendReport } from './load/generator.ts';
import type { SinkOrder, SinkPlace, SinkReport } from './system/sink.ts';
import type { VendorOrder } from './system/vendor.ts';

export type Generator = ForkedScript<SendOrder, SendReport>;

/** Sending and receiving sites, and the vendor, in their own processes. */
export interface Lab extends AsyncDisposable {
  /** On a disk; removed with the lab. */
  dir: string;
  sites: number;
  generator: Generator;
  sink: ForkedScript<SinkOrder, SinkReport> & SinkPlace;
  vendor: ForkedScript<VendorOrder, { count: number }> & { url: string };
  /** Signs into memory, for all sites in turn or for one. */
  sign: (count: number, onlySite?: number) => Promise<SignedPool>;
  discard: (pool: SignedPool) => Promise<void>;
  memoryFile: () => string;
  /** Since the last taking. */
  takeLedgers: () => Promise<{ arrivals: Arrival[]; calls: VendorCall[] }>;
}

const MEMORY_DIR = '/dev/shm';

/** Disposal ends its processes and removes its files. */
export async function openLab({ sites, vendorMs }: { sites: number; vendorMs: number }): Promise<Lab> {
  await using opened = new AsyncDisposableStack();
  const temporary = async (parent: string): Promise<string> => {
    const dir = await mkdtemp(join(parent, 'pressferry-bench-'));
    await chmod(dir, 0o711);
    opened.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    process.once('exit', () => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));
    return dir;
  };
  const dir = await temporary(tmpdir());
  const memoryDir = await temporary(MEMORY_DIR);
  const here = (path: string): URL => new URL(path, import.meta.url);
  const generator = opened.use(forkScript<SendOrder, SendReport>(here('./load/generator.ts')));
  const sink = opened.use(forkScript<SinkOrder, SinkReport>(here('./system/sink.ts'), [String(sites)]));
  const vendor = opened.use(forkScript<VendorOrder, { count: number }>(here('./system/vendor.ts'), [String(vendorMs)]));
  const place = (await sink.ask(null)) as unknown as SinkPlace;
  const { url } = (await vendor.ask(null)) as unknown as { url: string };
  let files = 0;
  const memoryFile = (): string => join(memoryDir, `file-${++files}`);
  const taken = async <T>(ask: (file: string) => Promise<unknown>): Promise<T[]> => {
    const file = memoryFile();
    await ask(file);
    const entries = JSON.parse(readFileSync(file, 'utf8')) as T[];
    await unlink(file);
    return entries;
  };
  const resources = opened.move();
  return {
    dir,
    sites,
    generator,
    sink: Object.assign(sink, place),
    vendor: Object.assign(vendor, { url }),
    sign: (count, only) =>
      signPool(memoryDir, count, 'good', only === undefined ? { first: 0, count: sites } : { first: only, count: 1 }),
    discard: async ({ paths }) => void (await Promise.all(paths.map((path) => unlink(path)))),
    memoryFile,
    takeLedgers: async () => ({
      arrivals: await taken<Arrival>((file) => sink.ask({ what: 'take', file })),
      calls: await taken<VendorCall>((file) => vendor.ask({ file })),
    }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** For load that is not measured. */
export const startGenerator = (): Generator => forkScript(new URL('./load/generator.ts', import.meta.url));
