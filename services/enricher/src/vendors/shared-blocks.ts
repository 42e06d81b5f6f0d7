import type { Database } from '@pressferry/database';
import { errorFields, type Logger } from '@pressferry/runtime';
import { startLoop } from '@pressferry/worker';
import type { Vendor } from '../automations/vendors.ts';
import { clearBlocks, noteBlocks, readBlocks } from '../db/vendor-blocks.ts';
import type { Admission, Block } from './admission.ts';

/** Shares blocks among replicas, and among vendors with one credential. */
export interface SharedBlocks extends AsyncDisposable {
  /** A vendor's admission learnt that it is blocked, or no longer. */
  tell: (vendor: Vendor, block: Block | null) => void;
  /** Resolves once others' blocks are known, so a new process does not call a blocked vendor. */
  untilRead: (signal: AbortSignal) => Promise<void>;
}

export interface SharedBlocksDeps {
  db: Database;
  vendors: ReadonlyMap<string, Vendor>;
  admission: (vendor: string) => Admission | undefined;
  untilReady: (signal: AbortSignal) => Promise<void>;
  logger: Logger;
}

const READ_EVERY_MS = 1_000;

/** Reads other replicas' blocks once a second. */
export function shareBlocks({ db, vendors, admission, untilReady, logger }: SharedBlocksDeps): SharedBlocks {
  const writing = new Set<Promise<void>>();
  const clearedAtMs = new Map<string, number>();
  const warn = (error: unknown): void => logger.warn(errorFields(error), 'blocks.interrupted');
  const write = (work: Promise<void>): void => {
    const noted = work.catch(warn).finally(() => writing.delete(noted));
    writing.add(noted);
  };
  const loop = startLoop(
    async (signal) => {
      await untilReady(signal);
      if (signal.aborted) return;
      const begunMs = performance.now();
      for (const { vendor, ...block } of await readBlocks(db)) {
        // The block was read while it was being removed: it has ended.
        if ((clearedAtMs.get(vendor) ?? Number.NEGATIVE_INFINITY) < begunMs - READ_EVERY_MS)
          admission(vendor)?.block(block, performance.now());
      }
    },
    { intervalMs: () => READ_EVERY_MS, onInterruption: warn },
  );
  return {
    untilRead: loop.untilFirst,
    tell: (vendor, block) => {
      const names = sharing(vendor, vendors);
      if (block === null) {
        logger.info({ vendor: vendor.name }, 'vendor.accepted');
        for (const name of names) clearedAtMs.set(name, performance.now());
        write(clearBlocks(db, names));
        return;
      }
      const { cause, forMs } = block;
      if (cause === 'unavailable') return;
      // A limit passes; a refused credential waits for a person.
      const line = { vendor: vendor.name, retry_in_ms: forMs };
      if (cause === 'denied') logger.error(line, 'vendor.denied');
      else logger.warn(line, 'vendor.limited');
      for (const name of names) if (name !== vendor.name) admission(name)?.block(block, performance.now());
      write(
        noteBlocks(
          db,
          names.map((name) => ({ vendor: name, cause, forMs })),
        ),
      );
    },
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      await Promise.all(writing);
    },
  };
}

/** Vendors with the same credential at the same address. */
function sharing(vendor: Vendor, vendors: ReadonlyMap<string, Vendor>): string[] {
  const own = credentialOf(vendor);
  return [...vendors.values()]
    .filter((other) => other.name === vendor.name || (own !== undefined && credentialOf(other) === own))
    .map(({ name }) => name);
}

function credentialOf(vendor: Vendor): string | undefined {
  const secret = vendor.kind === 'llm' ? vendor.apiKey : vendor.auth?.value;
  return secret === undefined ? undefined : `${vendor.kind} ${vendor.baseUrl ?? ''} ${secret}`;
}
