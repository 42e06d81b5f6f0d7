// Writes the generated parts of the documents: `node scripts/docs.ts [folder]`, by default in place.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationTables } from './docs/configuration.ts';
import { logTables } from './docs/logs.ts';
import { metricTables } from './docs/metrics.ts';
import { ROOT, withSections } from './docs/sections.ts';
import { spanTable } from './docs/spans.ts';

const folder = process.argv[2] ?? join(ROOT, 'docs');
const PAGES: Record<string, Record<string, string>> = {
  'configuration.md': configurationTables(),
  'observability.md': { ...(await metricTables()), ...logTables(), spans: spanTable() },
};
for (const [page, sections] of Object.entries(PAGES)) {
  writeFileSync(join(folder, page), withSections(`docs/${page}`, sections));
}
