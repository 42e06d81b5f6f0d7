// Writes what is generated of the chart: `node scripts/chart.ts [folder]`, by default in place.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { valuesSchema } from './chart/values-schema.ts';
import { valuesTable } from './chart/values-table.ts';
import { DASHBOARDS } from './dashboards/index.ts';
import { render } from './dashboards/render.ts';
import { withSections } from './docs/sections.ts';

const CHART = join(import.meta.dirname, '../charts/pressferry');
const folder = process.argv[2] ?? CHART;
const values = readFileSync(join(CHART, 'values.yaml'), 'utf8');
writeFileSync(join(folder, 'values.schema.json'), valuesSchema());
writeFileSync(join(folder, 'README.md'), withSections('charts/pressferry/README.md', { values: valuesTable(values) }));
mkdirSync(join(folder, 'files/dashboards'), { recursive: true });
for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
  writeFileSync(join(folder, `files/dashboards/${name}.json`), render(dashboard));
}
