import { type FSWatcher, watch } from 'node:fs';
import { type Catalogue, CatalogueError, loadCatalogue } from '@pressferry/contracts';

export interface FollowOptions {
  /** Called after a new catalogue is in force, and when a fault that was reported is fixed. */
  onChange: (catalogue: Catalogue) => void;
  /** Called once for each different fault; the catalogue in force stays. */
  onFault: (error: Error) => void;
  /** How long the folders must be quiet before they are read. */
  settleMs?: number;
  /** How often they are read without any sign of a change: some file systems send none. */
  pollMs?: number;
}

/** A catalogue that follows its folders; `current()` is always one that was good as a whole. */
export interface FollowedCatalogue extends Disposable {
  current(): Catalogue;
}

/**
 * Loads the catalogue of the folders (throwing `CatalogueError` if it cannot be used) and reads them again when they
 * change. A new catalogue comes into force at once and as a whole; a bad one is reported and left aside. Only schemas that
 * changed are compiled, so a reload holds up the event loop for a few milliseconds.
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

/** Watches each folder; a watcher that fails or cannot start is tried again by `repair`. */
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
        // The folder is gone, which reading it reports, or there is no watch left, and polling has to do.
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

/** True if nothing changed: types whose schema stayed keep their compiled check. */
function isSame(before: Catalogue, after: Catalogue): boolean {
  if (before.size !== after.size) return false;
  return [...after].every(([name, { check, mode }]) => {
    const old = before.get(name);
    return old?.check === check && old.mode === mode;
  });
}
