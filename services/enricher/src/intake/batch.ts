import type { NewEvent, Stored } from '../db/store-events.ts';

/** Stores events, many in one commit. */
export interface EventBatcher {
  /** Resolves to what became of the event; rejects where it could not be stored. */
  store: (event: NewEvent) => Promise<Stored>;
}

interface Waiting {
  event: NewEvent;
  resolve: (stored: Stored) => void;
  reject: (error: unknown) => void;
}

export interface BatchLimits {
  maxEvents: number;
  /** Of sealed bodies, in characters. */
  maxCharacters: number;
  /** Batches being written at once. */
  inFlight: number;
}

const LIMITS: BatchLimits = { maxEvents: 64, maxCharacters: 4_000_000, inFlight: 2 };

/**
 * Gathers what comes in while earlier batches are being written: a lone event is stored at once, a flood in few commits. Where a
 * batch fails for one event's sake (`isEventFault`), its events are stored one by one, so that only that one's promise rejects.
 */
export function createEventBatcher(
  write: (events: readonly NewEvent[]) => Promise<Map<string, Stored>>,
  isEventFault: (error: unknown) => boolean,
  limits: BatchLimits = LIMITS,
): EventBatcher {
  let waiting: Waiting[] = [];
  let inFlight = 0;
  let isScheduled = false;

  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      while (waiting.length > 0 && inFlight < limits.inFlight) void flush(takeBatch());
    });
  };
  const takeBatch = (): Waiting[] => {
    const batch: Waiting[] = [];
    const later: Waiting[] = [];
    const keys = new Set<string>();
    let characters = 0;
    for (const one of waiting) {
      const size = one.event.sealed_body.length;
      // One statement cannot tell two events of one key apart.
      const isRoom = batch.length < limits.maxEvents && characters + size <= limits.maxCharacters;
      const isTaken = (isRoom || batch.length === 0) && !keys.has(one.event.request_id);
      (isTaken ? batch : later).push(one);
      keys.add(one.event.request_id);
      if (isTaken) characters += size;
    }
    waiting = later;
    return batch;
  };
  const flush = async (batch: Waiting[]): Promise<void> => {
    inFlight++;
    try {
      await writeAll(batch);
    } finally {
      inFlight--;
      if (waiting.length > 0) schedule();
    }
  };
  const writeAll = async (batch: Waiting[]): Promise<void> => {
    try {
      const stored = await write(batch.map(({ event }) => event));
      for (const { event, resolve } of batch) resolve(stored.get(event.request_id) ?? 'unsettled');
    } catch (error) {
      if (batch.length > 1 && isEventFault(error)) for (const one of batch) await writeAll([one]);
      else for (const { reject } of batch) reject(error);
    }
  };
  return {
    store: (event) =>
      new Promise((resolve, reject) => {
        waiting.push({ event, resolve, reject });
        schedule();
      }),
  };
}
