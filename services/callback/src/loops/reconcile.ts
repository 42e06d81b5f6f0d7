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
  /** How often the bucket is compared with Postgres, by whichever replica comes first. */
  everyMs: number;
  onInterruption: (error: unknown) => void;
}

/** How often a bucket is looked after that says nothing: it may have been lost. */
const URGENT_MS = 1_000;
/** How soon it is noticed that the bucket says nothing. */
const TICK_MS = 500;
/** How many sites a line of the log names. */
const NAMED = 20;

/** Mends what differs between the sites in Postgres and those that are published, the loss of the whole bucket too. */
export function startReconciler(deps: ReconcileDeps): Loop {
  const { db, connection, directory, everyMs } = deps;
  const spacingMs = (): number => (directory.isReady() ? everyMs : Math.min(everyMs, URGENT_MS));
  let askedAtMs = Number.NEGATIVE_INFINITY;
  const round = async (): Promise<void> => {
    // Asked more often than a round is due: who dies within one leaves the next to another.
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
