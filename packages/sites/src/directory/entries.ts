import type { KvWatchEntry } from '@nats-io/kv';
import { isSiteId } from '@pressferry/contracts';
import type { Keyring } from '@pressferry/runtime';
import { PUBLISHED_KEY } from '../bucket.ts';
import { siteRecordSchema } from '../record.ts';
import { canVerify, openSite, type Site, type Unusable } from '../site.ts';

/** `site` is null if the record cannot be read. */
interface Entry {
  revision: number;
  site: Site | null;
  unusable: readonly Unusable[];
}

export class Entries {
  readonly #bySiteId = new Map<string, Entry>();
  isComplete = false;

  get(siteId: string): Entry | undefined {
    return this.#bySiteId.get(siteId);
  }

  /** Returns the parts that cannot be used. Reuses `before`, an earlier reading, for entries of the same revision. */
  async take(entry: KvWatchEntry, keyring: Keyring, before?: Entries): Promise<readonly Unusable[]> {
    const { key, revision } = entry;
    const isPut = entry.operation === 'PUT';
    if (key === PUBLISHED_KEY) this.isComplete = isPut;
    if (!isSiteId(key)) return [];
    if (!isPut) {
      this.#bySiteId.delete(key);
      return [];
    }
    const known = before?.get(key);
    if (known?.revision === revision) {
      this.#bySiteId.set(key, known);
      return [];
    }
    const read = await readEntry(key, entry.value, keyring);
    this.#bySiteId.set(key, { revision, ...read });
    return read.unusable;
  }

  /** `faulty` have an unusable part, `unverifiable` can verify nothing. */
  count(): { sites: number; faulty: number; unverifiable: number } {
    const entries = [...this.#bySiteId.values()];
    return {
      sites: entries.length,
      faulty: entries.filter(({ unusable }) => unusable.length > 0).length,
      unverifiable: entries.filter(({ site }) => site === null || !canVerify(site)).length,
    };
  }
}

async function readEntry(siteId: string, value: Uint8Array, keyring: Keyring): Promise<Omit<Entry, 'revision'>> {
  try {
    const record = siteRecordSchema.parse(JSON.parse(Buffer.from(value).toString('utf8')));
    if (record.site_id !== siteId) throw new Error('the record is of another site');
    const site = await openSite(record, keyring);
    return { site, unusable: site.unusable };
  } catch (error) {
    return { site: null, unusable: [{ part: 'record', reason: reasonOf(error) }] };
  }
}

/** Names places and rules, no values: JSON's own message would quote the record. */
function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'is not JSON';
  if (!(error instanceof Error)) return 'cannot be read';
  if (!('issues' in error)) return error.message;
  const issues = error.issues as { path: PropertyKey[]; message: string }[];
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}
