import { setTimeout as delay } from 'node:timers/promises';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { Kvm, type KvWatchEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { SITES_BUCKET } from '@pressferry/contracts';
import { isStreamMissing, newestRevision, SITES_STREAM } from '../bucket.ts';

/** `lost`: the bucket is gone or was replaced, so the sites read from it are void. */
export type FollowEnd = 'stopped' | 'lost' | 'behind' | 'watch_ended';

/** Times are of `performance.now`. */
export interface FollowListener {
  /** In order of revisions. The next entry waits for this to resolve. */
  onEntry: (entry: KvWatchEntry) => Promise<void>;
  /** Everything that the bucket held at `atMs` was heard. First called once the bucket is read, then repeatedly. */
  onProof: (atMs: number) => void;
}

export interface FollowTimes {
  /** How often to ask for the stream's identity and progress. */
  askEveryMs: number;
  standstillMs: number;
}

/**
 * Follows the bucket from its beginning until the signal is aborted or the watch cannot be trusted. A watch stays
 * silent when its consumer or the whole bucket is deleted, so the stream's leader is asked regularly for the stream's
 * identity and newest revision, which the watch must reach. Rejects if NATS does not answer at the beginning.
 */
export async function followBucket(
  nats: NatsConnection,
  listener: FollowListener,
  times: FollowTimes,
  signal: AbortSignal,
): Promise<FollowEnd> {
  const manager = await jetstreamManager(nats, { checkAPI: false, timeout: ASK_TIMEOUT_MS });
  const begunMs = performance.now();
  const { created, state } = await manager.streams.info(SITES_STREAM).catch((error: unknown) => {
    if (isStreamMissing(error)) throw new BucketMissingError(error);
    throw error;
  });
  const newest = await newestRevision(manager);
  const progress = new Progress(begunMs, listener);
  // A deleted message is never delivered: the newest message has the newest revision.
  progress.expect(newest, state.last_seq, begunMs);
  const entries = await (await new Kvm(nats).open(SITES_BUCKET)).watch();
  const end = Promise.withResolvers<FollowEnd>();
  const stop = (): void => end.resolve('stopped');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();

  const reading = (async () => {
    for await (const entry of entries) {
      await listener.onEntry(entry);
      progress.reached(entry.revision);
    }
    end.resolve('watch_ended');
  })().catch(end.reject);
  const over = new AbortController();
  const asking = ask(manager, { created, progress, times, signal: over.signal }).then(end.resolve, end.reject);
  try {
    return await end.promise;
  } finally {
    signal.removeEventListener('abort', stop);
    entries.stop();
    over.abort();
    await Promise.all([reading, asking]);
  }
}

export class BucketMissingError extends Error {
  override name = 'BucketMissingError';
  constructor(cause: unknown) {
    super(`the bucket ${SITES_BUCKET} is missing: pressferry sites publish`, { cause });
  }
}

const ASK_TIMEOUT_MS = 2_000;

interface Asking {
  created: string;
  progress: Progress;
  times: FollowTimes;
  signal: AbortSignal;
}

async function ask(manager: JetStreamManager, { created, progress, times, signal }: Asking): Promise<FollowEnd> {
  while (!signal.aborted) {
    await delay(times.askEveryMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) break;
    const askedAtMs = performance.now();
    const reachedBefore = progress.revision;
    try {
      const info = await manager.streams.info(SITES_STREAM);
      if (info.created !== created || info.state.last_seq < reachedBefore) return 'lost';
      progress.expect(info.state.last_seq, info.state.last_seq, askedAtMs);
    } catch (error) {
      if (isStreamMissing(error)) return 'lost';
      // A missing answer proves nothing.
    }
    if (progress.standsStillMs() > times.standstillMs) return 'behind';
  }
  return 'stopped';
}

class Progress {
  /** Everything up to this revision was heard. */
  revision = 0;
  #expected: { revision: number; counts: number; atMs: number } | undefined;
  #movedAtMs: number;
  readonly #listener: FollowListener;

  constructor(atMs: number, listener: FollowListener) {
    this.#movedAtMs = atMs;
    this.#listener = listener;
  }

  /** The stream was at `revision` at `atMs`; reaching it counts as `counts`. */
  expect(revision: number, counts: number, atMs: number): void {
    // An older expectation is met first: under many changes a newer one would never be.
    if (this.#expected !== undefined) return;
    this.#movedAtMs = performance.now();
    this.#expected = { revision, counts, atMs };
    this.#prove();
  }

  reached(revision: number): void {
    this.revision = Math.max(this.revision, revision);
    this.#movedAtMs = performance.now();
    this.#prove();
  }

  standsStillMs(): number {
    return this.#expected === undefined ? 0 : performance.now() - this.#movedAtMs;
  }

  #prove(): void {
    const expected = this.#expected;
    if (expected === undefined || this.revision < expected.revision) return;
    this.revision = Math.max(this.revision, expected.counts);
    this.#expected = undefined;
    this.#listener.onProof(expected.atMs);
  }
}
