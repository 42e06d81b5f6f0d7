import { setTimeout as delay } from 'node:timers/promises';
import { type Backoff, backoffMs } from './backoff.ts';
import type { DatabaseHealth } from './health.ts';
import { inTurns } from './in-turns.ts';
import { orAborted } from './or-aborted.ts';
import { isRowFault } from './sql-faults.ts';

/** Postgres refuses this row and accepts others of its kind; `cause` is its error. */
export class UnstorableRow extends Error {
  override name = 'UnstorableRow';
}

/** The process stops before the row is written: another process must write it. */
export class BatcherStopped extends Error {
  override name = 'BatcherStopped';
}

export interface Batcher<T, R> {
  /**
   * Resolves to the row's outcome once it is committed, however long the database takes. Rejects only with
   * `UnstorableRow` or `BatcherStopped`. Calls `onHeld` if the database does not take the row at once.
   */
  write: (row: T, onHeld?: () => void) => Promise<R>;
  /** Rows that the database does not take now; meanwhile nothing new should begin. */
  held: () => number;
  /** Resolves once the database takes rows, or when `signal` is aborted. */
  untilFlowing: (signal: AbortSignal) => Promise<void>;
}

export interface BatcherOptions<T, R> {
  /** Writes rows in one statement, all or none; resolves to their outcomes in order. */
  write: (rows: readonly T[]) => Promise<readonly R[]>;
  /** Writes a well-formed row like `like` by the same statement, and rolls it back. */
  writeCanary: (like: T) => Promise<unknown>;
  /** Rows of one key are never in one batch. */
  keyOf: (row: T) => string;
  sizeOf?: (row: T) => number;
  /** Groups take turns. */
  groupOf?: (row: T) => string;
  health: Pick<DatabaseHealth, 'suspect' | 'untilUp'>;
  stop: AbortSignal;
  /** Called with the database's error when this many rows begin to wait for it. */
  onHeld?: (error: unknown, rows: number) => void;
  limits?: Partial<BatchLimits>;
  /** How long a row that no one waits for may wait for others, in ms; 0 by default. */
  lingerMs?: () => number;
}

export interface BatchLimits {
  maxRows: number;
  maxSize: number;
  /** The shortest time between two batches, so a flood makes few; a lone row never waits for it. */
  gapMs: number;
  retry: Backoff;
}

const LIMITS: BatchLimits = {
  maxRows: 64,
  maxSize: 4_000_000,
  gapMs: 5,
  retry: { baseMs: 100, capMs: 2_000 },
};

/** Failures of one batch after which its rows are tried apart, if the database takes others. */
const SPLIT_AFTER = 3;
/** A parked row's pause grows up to this many times the usual cap. */
const PARKED_CAPS = 15;

interface Waiting<T, R> {
  row: T;
  key: string;
  resolve: (outcome: R) => void;
  reject: (error: Error) => void;
  onHeld: (() => void) | undefined;
}

type Batch<T, R> = readonly Waiting<T, R>[];

/**
 * Writes batches one after another. A refused batch is written again, unchanged, until it is accepted, while others
 * wait. A row is unstorable only if it fails by its own fault (`isRowFault`) before and after a canary is accepted; it
 * is found by halving its batch and fails alone.
 */
export function createBatcher<T, R>(options: BatcherOptions<T, R>): Batcher<T, R> {
  return new StatementBatcher(options);
}

class StatementBatcher<T, R> implements Batcher<T, R> {
  readonly #options: BatcherOptions<T, R>;
  readonly #limits: BatchLimits;
  #waiting: Waiting<T, R>[] = [];
  #isWriting = false;
  #isScheduled = false;
  #timer: NodeJS.Timeout | undefined;
  #begunAtMs = Number.NEGATIVE_INFINITY;
  #held = 0;
  #flowing = Promise.withResolvers<void>();

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
  }

  write(row: T, onHeld?: () => void): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ row, key: this.#options.keyOf(row), resolve, reject, onHeld });
      this.#schedule();
    });
  }

  readonly held = (): number => this.#held;

  async untilFlowing(signal: AbortSignal): Promise<void> {
    while (this.#held > 0 && !signal.aborted) await orAborted(this.#flowing.promise, signal);
  }

  #schedule(): void {
    if (this.#isWriting || this.#waiting.length === 0) return;
    const isFull = this.#waiting.length >= this.#limits.maxRows;
    if (this.#isScheduled && !(isFull && this.#timer !== undefined)) return;
    this.#isScheduled = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const untilGapMs = this.#begunAtMs + this.#limits.gapMs - performance.now();
    const waitMs = isFull ? 0 : Math.max(untilGapMs, this.#options.lingerMs?.() ?? 0);
    if (waitMs > 0) this.#timer = setTimeout(() => this.#begin(), waitMs);
    else setImmediate(() => this.#begin());
  }

  #begin(): void {
    this.#isScheduled = false;
    this.#timer = undefined;
    this.#isWriting = true;
    this.#begunAtMs = performance.now();
    void this.#writeThrough(this.#takeBatch()).finally(() => {
      this.#isWriting = false;
      this.#schedule();
    });
  }

  #takeBatch(): Batch<T, R> {
    const { maxRows, maxSize } = this.#limits;
    const { groupOf } = this.#options;
    const waiting = groupOf === undefined ? this.#waiting : inTurns(this.#waiting, ({ row }) => groupOf(row));
    const batch: Waiting<T, R>[] = [];
    const later: Waiting<T, R>[] = [];
    const keys = new Set<string>();
    let size = 0;
    for (const one of waiting) {
      const own = this.#options.sizeOf?.(one.row) ?? 0;
      const isRoom = batch.length === 0 || (batch.length < maxRows && size + own <= maxSize);
      const isTaken = isRoom && !keys.has(one.key);
      (isTaken ? batch : later).push(one);
      keys.add(one.key);
      if (isTaken) size += own;
    }
    this.#waiting = later;
    return batch;
  }

  async #writeThrough(batch: Batch<T, R>): Promise<void> {
    const { stop, health, onHeld } = this.#options;
    const isAlone = batch.length === 1;
    let isHeld = false;
    try {
      for (let failures = 1; ; failures++) {
        const failed = await this.#try(batch);
        if (failed === null) return;
        const isOwn = isRowFault(failed.cause);
        const mayBeOne = isOwn || failures >= SPLIT_AFTER;
        if (mayBeOne && ((isOwn && !isAlone) || (await this.#takesCanary(batch)))) {
          if (!isAlone) break;
          if (!isOwn) return void this.#park(batch);
          if (await this.#isEnded(batch)) return;
        }
        if (!isHeld) {
          isHeld = true;
          this.#hold(batch.length);
          onHeld?.(failed.cause, batch.length);
          for (const one of batch) one.onHeld?.();
        }
        health.suspect();
        await this.#pause(failures, this.#limits.retry.capMs);
        await health.untilUp(stop);
        if (stop.aborted) return rejectAll(batch, new BatcherStopped(STOPPED));
      }
    } finally {
      if (isHeld) this.#hold(-batch.length);
    }
    const middle = Math.ceil(batch.length / 2);
    await this.#writeThrough(batch.slice(0, middle));
    await this.#writeThrough(batch.slice(middle));
  }

  /** Keeps trying a lone row that the database refuses while it accepts others, which need not wait. */
  async #park(batch: Batch<T, R>): Promise<void> {
    for (let failures = SPLIT_AFTER; ; failures++) {
      await this.#pause(failures, PARKED_CAPS * this.#limits.retry.capMs);
      if (this.#options.stop.aborted) return rejectAll(batch, new BatcherStopped(STOPPED));
      const failed = await this.#try(batch);
      if (failed === null) return;
      if (isRowFault(failed.cause) && (await this.#takesCanary(batch)) && (await this.#isEnded(batch))) return;
    }
  }

  /** Tries a lone row once more: its fault may have passed between it and the canary. False if it is still to be tried. */
  async #isEnded(batch: Batch<T, R>): Promise<boolean> {
    const again = await this.#try(batch);
    if (again !== null && !isRowFault(again.cause)) return false;
    if (again !== null) rejectAll(batch, new UnstorableRow('the row cannot be stored', again));
    return true;
  }

  /** Null if the batch is written. */
  async #try(batch: Batch<T, R>): Promise<{ cause: unknown } | null> {
    try {
      const outcomes = await this.#options.write(batch.map(({ row }) => row));
      for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index] as R);
      return null;
    } catch (cause) {
      return { cause };
    }
  }

  async #takesCanary([first]: Batch<T, R>): Promise<boolean> {
    try {
      if (first !== undefined) await this.#options.writeCanary(first.row);
      return true;
    } catch {
      return false;
    }
  }

  #hold(rows: number): void {
    this.#held += rows;
    if (this.#held > 0) return;
    this.#flowing.resolve();
    this.#flowing = Promise.withResolvers();
  }

  async #pause(failures: number, capMs: number): Promise<void> {
    const ms = backoffMs({ ...this.#limits.retry, capMs }, failures);
    await delay(ms, undefined, { signal: this.#options.stop }).catch(() => undefined);
  }
}

const STOPPED = 'the process stops, and the database has not taken the row';

function rejectAll<T, R>(batch: Batch<T, R>, error: Error): void {
  for (const { reject } of batch) reject(error);
}
