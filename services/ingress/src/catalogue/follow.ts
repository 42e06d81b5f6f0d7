import { type FSWatcher, watch } from 'node:fs';
import { type Catalogue, CatalogueError, loadCatalogue } from '@pressferry/contracts';

export interface FollowOptions {
  /** Called when a new catalogue is in force, and when a reported fault is fixed. */
  onChange: (catalogue: Catalogue) => void;
  /** Called once for each different fault; the catalogue in force stays. */
  onFault: (error: Error) => void;
  /** How long the folders must be quiet before they are read. */
  settleMs?: number;
  /** Some file systems report no changes. */
  pollMs?: number;
}

/** `current()` is always a catalogue that was valid as a whole. */
export interface FollowedCatalogue extends Disposable {
  current(): Catalogue;
}

/**
 * Loads the catalogue, throwing `CatalogueError` if it is unusable, and reads it again when the folders change. A new
 * catalogue takes effect as a whole; a bad one is reported and ignored. Only changed schemas are compiled, so a reload
 * blocks the event loop for a few milliseconds.
 */
export function followCatalogue(folders: readonly string[], options: FollowOptions): FollowedCatalogue {
  const { onChange, onFault, settleMs = 250, pollMs = 30_000 } = options;
  let current = loadCatalogue(folders);
  let fault: string | null = null;
  let settling: NodeJS.Timeout | undefined;

  const reload = (): void => {
    try {
      const next = loadCatalogue(folders, current);
      if (fault === null && isSame(current, next)) return;
      fault = null;
      current = next;
    } catch (error) {
      const { message } = error as Error;
      if (message === fault) return;
      fault = message;
      onFault(error instanceof CatalogueError ? error : new CatalogueError([message]));
      return;
    }
    onChange(current);
  };
  const touched = (): void => {
    clearTimeout(settling);
    settling = setTimeout(reload, settleMs);
  };
  const watchers = watchAll(folders, touched);
  const polling = setInterval(() => {
    watchers.repair();
    reload();
  }, pollMs);

  return {
    current: () => current,
    [Symbol.dispose]() {
      clearTimeout(settling);
      clearInterval(polling);
      watchers.close();
    },
  };
}

/** `repair` restarts watchers that failed or could not start. */
function watchAll(folders: readonly string[], touched: () => void): { repair(): void; close(): void } {
  const live = new Map<string, FSWatcher>();
  const repair = (): void => {
    for (const folder of folders.filter((name) => !live.has(name))) {
      try {
        const watcher = watch(folder, touched);
        live.set(folder, watcher);
        watcher.on('error', () => {
          watcher.close();
          live.delete(folder);
        });
      } catch {
        // The folder is gone, which reading it reports, or no watch is left and polling must do.
      }
    }
  };
  repair();
  return {
    repair,
    close() {
      for (const watcher of live.values()) watcher.close();
    },
  };
}

/** Types with an unchanged schema keep their compiled check. */
function isSame(before: Catalogue, after: Catalogue): boolean {
  if (before.size !== after.size) return false;
  return [...after].every(([name, { check, mode }]) => {
    const old = before.get(name);
    return old?.check === check && old.mode === mode;
  });
}
