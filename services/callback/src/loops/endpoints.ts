import type { Database } from '@pressferry/database';
import type { Logger } from '@pressferry/runtime';
import { type DatabaseHealth, startLoop } from '@pressferry/worker';
import { writeEndpoints } from '../db/endpoints.ts';
import type { Endpoints } from '../delivery/endpoints.ts';
import type { FleetWatch } from '../delivery/fleet.ts';

export interface EndpointSyncDeps {
  db: Database;
  health: Pick<DatabaseHealth, 'isUp'>;
  endpoints: Pick<Endpoints, 'takeChanges' | 'returnChanges'>;
  fleet: FleetWatch;
  logger: Logger;
  onInterruption: (error: unknown) => void;
}

/** Writes endpoints' health to Postgres for other replicas and restarts. */
export interface EndpointSync extends AsyncDisposable {
  /** Rejects if Postgres does not take the changes; the loop tries again. */
  flush: () => Promise<void>;
}

const FLUSH_EVERY_MS = 200;

/** Also logs when the whole fleet seems to fail. Disposal writes what is left. */
export function startEndpointSync(deps: EndpointSyncDeps): EndpointSync {
  const { db, endpoints, fleet, logger } = deps;
  let wasSuspect = false;

  const write = async (changes: ReturnType<Endpoints['takeChanges']>): Promise<void> => {
    if (changes.size === 0) return;
    try {
      await writeEndpoints(db, changes, performance.now());
    } catch (error) {
      endpoints.returnChanges(changes);
      throw error;
    }
  };
  const flush = (): Promise<void> => write(endpoints.takeChanges(performance.now()));
  const tellOfFleet = (): void => {
    const isSuspect = fleet.isSuspect(performance.now());
    if (isSuspect === wasSuspect) return;
    wasSuspect = isSuspect;
    const { failed, tried } = fleet.recent(performance.now());
    // Most likely our network or resolver, so no site's breaker counts it.
    if (isSuspect) logger.warn({ failing_sites: failed.length, tried_sites: tried }, 'endpoints.many_failing');
    else logger.info({ failing_sites: failed.length, tried_sites: tried }, 'endpoints.no_longer_many_failing');
  };
  const loop = startLoop(
    async () => {
      tellOfFleet();
      if (deps.health.isUp()) await flush();
    },
    { intervalMs: () => FLUSH_EVERY_MS, onInterruption: deps.onInterruption },
  );
  return {
    flush,
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      await write(endpoints.takeChanges()).catch(deps.onInterruption);
    },
  };
}
