import type { Database } from '@pressferry/database';
import type { Logger } from '@pressferry/runtime';
import { errorFields } from '@pressferry/runtime';
import { type OutageOptions, startLoop, throughOutages } from '@pressferry/worker';
import type { NamedSite } from '../automations/named-sites.ts';
import { readUnknownSites } from '../db/unknown-sites.ts';
import type { Metrics } from '../metrics.ts';

/** Whether the sites that automations name are registered. */
export interface Registered {
  /** The faults of those that are not; none if `signal` is aborted. */
  faultsOf: (sites: readonly NamedSite[], signal: AbortSignal) => Promise<string[]>;
  /** Reports those of the automations in use from now on. */
  watch: (sites: readonly NamedSite[]) => void;
}

export interface RegisteredDeps {
  db: Database;
  health: OutageOptions['health'];
  sites: readonly NamedSite[];
  metrics: Pick<Metrics, 'unknownSites'>;
  logger: Pick<Logger, 'error' | 'warn'>;
}

const LOOK_EVERY_MS = 10_000;

/** A set in use stays in use, because its site may be removed or not registered yet: decision 107. */
export function watchRegistered({ db, health, sites, metrics, logger }: RegisteredDeps): Registered & AsyncDisposable {
  let watched = sites;
  let said = '';
  const faultsOf: Registered['faultsOf'] = async (named, signal) => {
    const ids = [...new Set(named.map(({ siteId }) => siteId))];
    const unknown = await throughOutages(() => readUnknownSites(db, ids), { health, signal });
    return named.flatMap(({ siteId, fault }) => (unknown?.has(siteId) === true ? [fault] : []));
  };
  const round = async (stopping: AbortSignal): Promise<void> => {
    const faults = await faultsOf(watched, stopping);
    metrics.unknownSites(faults.length);
    const says = faults.join('\n');
    if (says !== said && faults.length > 0) logger.error({ faults }, 'automations.unknown_sites');
    said = says;
  };
  const loop = startLoop(round, {
    intervalMs: () => LOOK_EVERY_MS,
    onInterruption: (error) => logger.warn(errorFields(error), 'automations.interrupted'),
  });
  return {
    faultsOf,
    watch: (next) => {
      watched = next;
      loop.kick();
    },
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}
