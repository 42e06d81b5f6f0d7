import type { Database } from '@pressferry/database';
import { errorFields, type Logger } from '@pressferry/runtime';
import { orAborted, startLoop } from '@pressferry/worker';
import { readSiteLabels, readSitesState } from '../db/site-labels.ts';

/** The labels of sites, as conditions see them. */
export interface SiteLabels {
  /** None for a site without any. */
  of: (siteId: string) => Readonly<Record<string, string>>;
  /** Resolves once they were read, or when `signal` is aborted: without them a condition would decide wrongly. */
  untilRead: (signal: AbortSignal) => Promise<void>;
}

export interface SiteLabelsDeps {
  db: Database;
  untilReady: (signal: AbortSignal) => Promise<void>;
  logger: Pick<Logger, 'warn'>;
}

const READ_EVERY_MS = 500;
const NONE: Readonly<Record<string, string>> = {};

/** Looks twice a second whether a site changed, and reads the labels if one did. */
export function watchSiteLabels({ db, untilReady, logger }: SiteLabelsDeps): SiteLabels & AsyncDisposable {
  let labels: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map();
  let state: string | undefined;
  const firstRead = Promise.withResolvers<void>();
  const loop = startLoop(
    async (signal) => {
      await untilReady(signal);
      if (signal.aborted) return firstRead.resolve();
      const now = await readSitesState(db);
      if (now !== state) labels = await readSiteLabels(db);
      state = now;
      firstRead.resolve();
    },
    {
      intervalMs: () => READ_EVERY_MS,
      onInterruption: (error) => logger.warn(errorFields(error), 'labels.interrupted'),
    },
  );
  return {
    of: (siteId) => labels.get(siteId) ?? NONE,
    untilRead: async (signal) => {
      if (state === undefined) await orAborted(firstRead.promise, signal);
    },
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}
