import type { Database } from '@pressferry/database';
import { noteVersions, readVersion } from '../db/automation-versions.ts';
import { type Automation, compileAutomation } from './compile.ts';
import { automationSchema } from './schema.ts';

/** Definitions that runs began under, in Postgres; a definition never holds a secret. */
export interface Versions {
  /** Stores missing ones and notes that all are in use. Call it before a run is stored. */
  note: (automations: Iterable<Automation>) => Promise<void>;
  /** Undefined if Postgres has none that this release can run. */
  of: (automation: string, version: string) => Promise<Automation | undefined>;
}

const MAX_KEPT = 200;

export function createVersions(db: Database): Versions {
  const read = new Map<string, Automation | undefined>();
  return {
    note: async (automations) => {
      const versions = [...automations].map(({ name, version, definition }) => ({
        automation: name,
        version,
        definition,
      }));
      if (versions.length > 0) await noteVersions(db, versions);
    },
    of: async (name, version) => {
      const key = `${name} ${version}`;
      if (read.has(key)) return read.get(key);
      const parsed = automationSchema.safeParse(await readVersion(db, name, version));
      if (read.size >= MAX_KEPT) read.clear();
      // Another replica may be noting it now.
      if (!parsed.success) return undefined;
      let isWhole = true;
      const automation = compileAutomation(parsed.data, () => {
        isWhole = false;
      });
      read.set(key, isWhole ? { ...automation, version } : undefined);
      return read.get(key);
    },
  };
}
