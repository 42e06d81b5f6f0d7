import { writeSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';

const EVERY_MS = 20;
const FSYNC_EVERY_MS = 1_000;

/** The worst of the machine between two readings, in ms, seen from a process that has next to nothing to do. */
export interface Stalls {
  /** How late a timer was: the processors were taken. */
  timerMs: number;
  /** How long the fsync of 4 kB took, one a second: the disk was busy. */
  fsyncMs: number;
}

/** Watches the machine until it is disposed of; `read` gives the worst since it was last called. */
export interface StallWatch extends AsyncDisposable {
  read: () => Stalls;
}

/** Begins to watch, with a file of its own on the disk whose fsync counts. */
export async function watchStalls(file: string): Promise<StallWatch> {
  let worst: Stalls = { timerMs: 0, fsyncMs: 0 };
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    worst.timerMs = Math.max(worst.timerMs, nowMs - lastMs - EVERY_MS);
    lastMs = nowMs;
  }, EVERY_MS);
  const handle = await open(file, 'w');
  const page = Buffer.alloc(4_096);
  let syncing: Promise<void> | null = null;
  const sync = async (): Promise<void> => {
    const startMs = performance.now();
    writeSync(handle.fd, page, 0, page.length, 0);
    await handle.sync();
    worst.fsyncMs = Math.max(worst.fsyncMs, performance.now() - startMs);
    syncing = null;
  };
  const syncTimer = setInterval(() => {
    syncing ??= sync();
  }, FSYNC_EVERY_MS);
  return {
    read: () => {
      const seen = worst;
      worst = { timerMs: 0, fsyncMs: 0 };
      return { timerMs: Math.round(seen.timerMs), fsyncMs: Math.round(seen.fsyncMs) };
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      clearInterval(syncTimer);
      await syncing;
      await handle.close();
      await unlink(file);
    },
  };
}
