import { setTimeout as delay } from 'node:timers/promises';
import { type KV, Kvm } from '@nats-io/kv';
import { SITES_BUCKET } from '@pressferry/contracts';
import type { Connection } from '@pressferry/jetstream';
import type { Keyring } from '@pressferry/runtime';
import { siteRecordSchema } from './record.ts';
import { openSite, type Site } from './site.ts';

/** The sites as the registry last published them, held in memory and followed by a watch. */
export interface SiteDirectory extends AsyncDisposable {
  find: (siteId: string) => Site | undefined;
  /** True once every site in the bucket has been read; stays true while NATS is down, for what was read stays in force. */
  isReady: () => boolean;
  size: () => number;
  /** When the last change was read, ms since the epoch; 0 before the first. */
  lastChangeAtMs: () => number;
  /** Resolves when `isReady` turns true. */
  ready: Promise<void>;
}

export interface DirectoryOptions {
  /** Called with each record that cannot be used (its site stays as it was) and each interruption of the watch. */
  onFault: (fault: { siteId?: string; error: unknown }) => void;
}

const REWATCH_DELAY_MS = 500;

/** Follows the KV bucket `sites`. Returns at once; a bucket that is not there yet is waited for. */
export function followSites(connection: Connection, keyring: Keyring, options: DirectoryOptions): SiteDirectory {
  const sites = new Map<string, Site>();
  const stop = new AbortController();
  let lastChangeAtMs = 0;
  let isReady = false;
  let markReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    markReady = () => {
      isReady = true;
      resolve();
    };
  });

  const read = async (siteId: string, value: Uint8Array): Promise<void> => {
    try {
      const record = siteRecordSchema.parse(JSON.parse(Buffer.from(value).toString('utf8')));
      sites.set(siteId, await openSite(record, keyring));
    } catch (error) {
      options.onFault({ siteId, error });
    }
  };

  const watch = async (): Promise<void> => {
    const bucket: KV = await new Kvm(connection.nats).open(SITES_BUCKET);
    if ((await bucket.status()).values === 0) markReady();
    const entries = await bucket.watch();
    const end = (): void => entries.stop();
    stop.signal.addEventListener('abort', end, { once: true });
    try {
      for await (const entry of entries) {
        if (entry.operation === 'PUT') await read(entry.key, entry.value);
        else sites.delete(entry.key);
        lastChangeAtMs = Date.now();
        if ((entry.delta ?? 0) === 0) markReady();
      }
    } finally {
      stop.signal.removeEventListener('abort', end);
    }
  };

  const follow = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await watch().catch((error: unknown) => {
        if (!stop.signal.aborted) options.onFault({ error });
      });
      await delay(REWATCH_DELAY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const following = follow();

  return {
    find: (siteId) => sites.get(siteId),
    isReady: () => isReady,
    size: () => sites.size,
    lastChangeAtMs: () => lastChangeAtMs,
    ready,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
    },
  };
}
