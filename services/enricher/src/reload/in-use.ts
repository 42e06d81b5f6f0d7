import { type OutageOptions, throughOutages } from '@pressferry/worker';
import type { Automation } from '../automations/compile.ts';
import type { Automations } from '../automations/load.ts';
import type { Versions } from '../automations/versions.ts';
import type { PoolSet } from '../runs/pool-set.ts';

/** The definitions in use, in step with Postgres and the pools. */
export interface InUse {
  /** Resolves once Postgres has them, or when `signal` is aborted. */
  untilNoted: (signal: AbortSignal) => Promise<void>;
  /** Puts another set into use, once Postgres has it. */
  apply: (next: Automations, signal: AbortSignal) => Promise<void>;
}

export interface InUseDeps {
  versions: Pick<Versions, 'note'>;
  health: OutageOptions['health'];
  pools: Pick<PoolSet, 'apply'>;
}

/** The maps of `current` are shared: their contents change, they do not. */
export function keepInUse(current: Automations, { versions, health, pools }: InUseDeps): InUse {
  let isNoted = false;
  const note = (automations: Iterable<Automation>, signal: AbortSignal): Promise<void> =>
    throughOutages(() => versions.note(automations), { health, signal });
  return {
    untilNoted: async (signal) => {
      if (isNoted) return;
      await note(current.automations.values(), signal);
      isNoted = true;
    },
    apply: async (next, signal) => {
      await note(next.automations.values(), signal);
      if (signal.aborted) return;
      replaceAll(current.automations, next.automations);
      replaceAll(current.vendors, next.vendors);
      pools.apply(current.vendors);
    },
  };
}

function replaceAll<T>(map: Map<string, T>, next: ReadonlyMap<string, T>): void {
  map.clear();
  for (const [name, value] of next) map.set(name, value);
}
