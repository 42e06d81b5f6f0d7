import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@pressferry/jetstream';
import { errorFields, type Keyring, type Logger } from '@pressferry/runtime';
import type { Site, Unusable } from '../site.ts';
import { Entries } from './entries.ts';
import { BucketMissingError, type FollowEnd, followBucket } from './follow.ts';

/** The published sites, held in memory and followed by a watch that is itself watched. */
export interface SiteDirectory extends AsyncDisposable {
  /** Undefined if there is none, or its record cannot be read. */
  find: (siteId: string) => Site | undefined;
  /**
   * A site to judge requests by. `registry_unavailable` while this process does not know the registry, or cannot read
   * the site.
   */
  lookUp: (siteId: string) => Site | 'site_unknown' | 'registry_unavailable';
  /** True while `find` gives what the registry says: all was read, and proven recently enough. */
  isReady: () => boolean;
  /** Empty if this process should get requests. */
  faults: () => string[];
  /** Since the registry was last proven known, or since the start. */
  ageSeconds: () => number;
  /** `faulty` have an unusable part, `unverifiable` nothing to verify requests with. */
  count: () => { sites: number; faulty: number; unverifiable: number };
}

export type DirectoryFault =
  /** A site's key or secret was left out, or its whole record cannot be read. */
  | ({ kind: 'site'; siteId: string } & Unusable)
  /** Reported once per cause. */
  | { kind: 'interrupted'; error: Error };

export function logRegistryFault(fault: DirectoryFault, logger: Logger): void {
  if (fault.kind === 'interrupted') logger.warn(errorFields(fault.error), 'registry.interrupted');
  else logger.error({ site_id: fault.siteId, part: fault.part, error: fault.reason }, 'site.unusable');
}

/**
 * The default age of the last proof. A cluster takes up to 10 s to elect another leader, and nothing can change
 * meanwhile. A bucket that is known to be lost is never served, whatever this says.
 */
export const REGISTRY_MAX_AGE_MS = 15_000;

export interface DirectoryOptions {
  onFault: (fault: DirectoryFault) => void;
  maxAgeMs?: number;
}

const TIMES = { askEveryMs: 250, standstillMs: 200 };
const RETRY_MS = 250;

const INTERRUPTED: Record<Exclude<FollowEnd, 'stopped'>, string> = {
  lost: 'the bucket sites was deleted, or made again',
  behind: 'the watch stalled while the registry changed',
  watch_ended: 'the watch ended',
};

/** Returns at once; a missing bucket is waited for. */
export function followSites(connection: Connection, keyring: Keyring, options: DirectoryOptions): SiteDirectory {
  const follower = new Follower(connection, keyring, options);
  const stop = new AbortController();
  const following = follower.run(stop.signal);
  return {
    find: (siteId) => follower.entries.get(siteId)?.site ?? undefined,
    lookUp: (siteId) => {
      if (!follower.isKnown()) return 'registry_unavailable';
      const entry = follower.entries.get(siteId);
      return entry === undefined ? 'site_unknown' : (entry.site ?? 'registry_unavailable');
    },
    isReady: () => follower.isKnown(),
    faults: () => faultsOf(follower),
    ageSeconds: () => follower.ageMs() / 1000,
    count: () => follower.entries.count(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await following;
    },
  };
}

function faultsOf(follower: Follower): string[] {
  if (!follower.isKnown()) return [follower.entries.isComplete ? follower.staleness() : follower.emptiness()];
  const { sites, unverifiable } = follower.entries.count();
  return sites > 0 && unverifiable === sites
    ? [`none of the ${sites} sites can be used: are SEALING_KEYS those that sealed their secrets?`]
    : [];
}

/** Reads the bucket again whenever the watch has ended. */
class Follower {
  /** In force until another reading is complete. */
  entries = new Entries();
  /** The bucket is known to be another one, which has not been read yet. */
  #isLost = false;
  #provenAtMs = Number.NEGATIVE_INFINITY;
  #interruption = '';
  readonly #startedAtMs = performance.now();
  readonly #maxAgeMs: number;
  readonly #connection: Connection;
  readonly #keyring: Keyring;
  readonly #onFault: DirectoryOptions['onFault'];

  constructor(connection: Connection, keyring: Keyring, { onFault, maxAgeMs = REGISTRY_MAX_AGE_MS }: DirectoryOptions) {
    this.#connection = connection;
    this.#keyring = keyring;
    this.#onFault = onFault;
    this.#maxAgeMs = maxAgeMs;
  }

  isKnown(): boolean {
    return this.entries.isComplete && !this.#isLost && performance.now() - this.#provenAtMs <= this.#maxAgeMs;
  }

  ageMs(): number {
    return performance.now() - Math.max(this.#provenAtMs, this.#startedAtMs);
  }

  staleness(): string {
    if (this.#isLost) return this.#interruption || INTERRUPTED.lost;
    return `the sites were last known to be up to date ${Math.round(this.ageMs() / 1000)} s ago`;
  }

  emptiness(): string {
    return this.#provenAtMs > Number.NEGATIVE_INFINITY
      ? 'the registry of sites has not been published: pressferry sites publish'
      : this.#interruption || 'the sites have not been read';
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const end = await this.#follow(signal);
        if (end === 'stopped') return;
        this.#isLost ||= end === 'lost';
        this.#interrupted(new Error(INTERRUPTED[end]));
        if (end === 'watch_ended') await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      } catch (error) {
        if (signal.aborted) return;
        this.#isLost ||= error instanceof BucketMissingError;
        this.#interrupted(error instanceof Error ? error : new Error(String(error)));
        await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #follow(signal: AbortSignal): Promise<FollowEnd> {
    const before = this.#isLost ? undefined : this.entries;
    const entries = new Entries();
    const listener = {
      onEntry: async (entry: Parameters<Entries['take']>[0]) => {
        for (const unusable of await entries.take(entry, this.#keyring, before)) {
          this.#onFault({ kind: 'site', siteId: entry.key, ...unusable });
        }
      },
      onProof: (atMs: number) => {
        this.#provenAtMs = atMs;
        this.#interruption = '';
        this.entries = entries;
        this.#isLost = false;
      },
    };
    return followBucket(this.#connection.nats, listener, TIMES, signal);
  }

  #interrupted(error: Error): void {
    if (error.message === this.#interruption) return;
    this.#interruption = error.message;
    this.#onFault({ kind: 'interrupted', error });
  }
}
