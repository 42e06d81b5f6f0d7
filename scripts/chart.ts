// Writes what is generated of the chart: `node scripts/chart.ts [folder]`, by default in place.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { valuesSchema } from './chart/values-schema.ts';
import { valuesTable } from './chart/values-table.ts';
import { withSections } from './docs/sections.ts';

const CHART = join(import.meta.dirname, '../charts/pressferry');
const folder = process.argv[2] ?? CHART;
const values = readFileSync(join(CHART, 'values.yaml'), 'utf8');
writeFileSync(join(folder, 'values.schema.json'), valuesSchema());
writeFileSync(join(folder, 'README.md'), withSections('charts/pressferry/README.md', { values: valuesTable(values) }));
