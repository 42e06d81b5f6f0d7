import type { Database } from '@pressferry/database';
import { noteVersions, readVersion } from '../db/automation-versions.ts';
import { type Automation, compileAutomation } from './compile.ts';
import { automationSchema } from './schema.ts';

/** The definitions under which runs began. Postgres keeps them; a definition never holds a secret. */
export interface Versions {
  /** Notes that they are in use, and stores those that Postgres does not have. A run is stored only after its definition. */
  note: (automations: Iterable<Automation>) => Promise<void>;
  /** An earlier definition; undefined if Postgres has none that this release can run. */
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
      // One that is missing may be noted by another replica at this moment.
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
