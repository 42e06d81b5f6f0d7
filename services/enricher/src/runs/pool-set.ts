import { isDeepStrictEqual } from 'node:util';
import { orAborted } from '@pressferry/worker';
import type { Vendor } from '../automations/vendors.ts';
import type { Pool } from './pool.ts';

export interface PoolSet {
  get: (vendor: string) => Pool | undefined;
  all: () => Pool[];
  /** Begins pools of new or changed vendors and ends others, whose calls in flight finish. */
  apply: (vendors: ReadonlyMap<string, Vendor>) => void;
  /** Resolves once `signal` is aborted and all pools have ended. Rejects if one cannot go on. */
  run: (signal: AbortSignal) => Promise<void>;
}

interface Held {
  pool: Pool;
  end: AbortController;
}

export function createPoolSet(createPool: (vendor: Vendor) => Pool): PoolSet {
  const held = new Map<string, Held>();
  const running = new Set<Promise<void>>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  let until: AbortSignal | undefined;

  const begin = ({ pool, end }: Held): void => {
    if (until === undefined) return;
    const run = pool
      .run(AbortSignal.any([until, end.signal]))
      .catch(failed.reject)
      .finally(() => running.delete(run));
    running.add(run);
  };
  return {
    get: (vendor) => held.get(vendor)?.pool,
    all: () => [...held.values()].map(({ pool }) => pool),
    apply: (vendors) => {
      for (const [name, { pool, end }] of held) {
        if (isDeepStrictEqual(vendors.get(name), pool.vendor)) continue;
        held.delete(name);
        end.abort();
      }
      for (const vendor of vendors.values()) {
        if (held.has(vendor.name)) continue;
        const made = { pool: createPool(vendor), end: new AbortController() };
        held.set(vendor.name, made);
        begin(made);
      }
    },
    run: async (signal) => {
      until = signal;
      for (const one of held.values()) begin(one);
      await orAborted(failed.promise, signal);
      while (running.size > 0) await Promise.race([Promise.all(running), failed.promise]);
    },
  };
}
