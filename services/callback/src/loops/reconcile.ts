import type { Database } from '@pressferry/database';
import type { Connection } from '@pressferry/jetstream';
import { beginRound, publishSites } from '@pressferry/registry';
import type { Logger } from '@pressferry/runtime';
import type { SiteDirectory } from '@pressferry/sites';
import { type Loop, startLoop } from '@pressferry/worker';
import type { Metrics } from '../metrics.ts';

export interface ReconcileDeps {
  db: Database;
  connection: Connection;
  directory: Pick<SiteDirectory, 'isReady'>;
  metrics: Pick<Metrics, 'reconciled'>;
  logger: Logger;
  everyMs: number;
  onInterruption: (error: unknown) => void;
}

/** How often to check a silent bucket: it may have been lost. */
const URGENT_MS = 1_000;
/** How soon a silent bucket is noticed. */
const TICK_MS = 500;
/** The most sites that one log line names. */
const NAMED = 20;

/** Mends what differs between Postgres and the published sites, also after the loss of the whole bucket. */
export function startReconciler(deps: ReconcileDeps): Loop {
  const { db, connection, directory, everyMs } = deps;
  const spacingMs = (): number => (directory.isReady() ? everyMs : Math.min(everyMs, URGENT_MS));
  let askedAtMs = Number.NEGATIVE_INFINITY;
  const round = async (): Promise<void> => {
    // Asks more often than a round is due, so another replica takes over from one that dies within a round.
    if (!connection.isConnected() || performance.now() - askedAtMs < spacingMs() / 2) return;
    askedAtMs = performance.now();
    if (!(await beginRound(db, spacingMs()))) return;
    const { written, removed } = await publishSites(db, connection.nats);
    if (written.length === 0 && removed.length === 0) return;
    deps.metrics.reconciled('written', written.length);
    deps.metrics.reconciled('removed', removed.length);
    const line = {
      written: written.length,
      removed: removed.length,
      site_ids: [...written, ...removed].slice(0, NAMED),
    };
    deps.logger.warn(line, 'registry.reconciled');
  };
  return startLoop(round, { intervalMs: () => TICK_MS, onInterruption: deps.onInterruption });
}
