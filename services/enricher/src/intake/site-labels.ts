import type { Database } from '@pressferry/database';
import { errorFields, type Logger } from '@pressferry/runtime';
import { startLoop } from '@pressferry/worker';
import { readSiteLabels, readSitesState } from '../db/site-labels.ts';

export interface SiteLabels {
  of: (siteId: string) => Readonly<Record<string, string>>;
  /**
   * Resolves once they were read, because a condition would decide wrongly without them; or when `signal` is aborted.
   */
  untilRead: (signal: AbortSignal) => Promise<void>;
}

export interface SiteLabelsDeps {
  db: Database;
  untilReady: (signal: AbortSignal) => Promise<void>;
  logger: Pick<Logger, 'warn'>;
}

const READ_EVERY_MS = 500;
const NONE: Readonly<Record<string, string>> = {};

/** Checks for changed sites twice a second, and then reads the labels. */
export function watchSiteLabels({ db, untilReady, logger }: SiteLabelsDeps): SiteLabels & AsyncDisposable {
  let labels: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map();
  let state: string | undefined;
  const loop = startLoop(
    async (signal) => {
      await untilReady(signal);
      if (signal.aborted) return;
      const now = await readSitesState(db);
      if (now !== state) labels = await readSiteLabels(db);
      state = now;
    },
    {
      intervalMs: () => READ_EVERY_MS,
      onInterruption: (error) => logger.warn(errorFields(error), 'labels.interrupted'),
    },
  );
  return {
    of: (siteId) => labels.get(siteId) ?? NONE,
    untilRead: loop.untilFirst,
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}
