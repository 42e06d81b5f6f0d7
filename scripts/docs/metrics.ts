import { allMetrics, commonMetrics, type DeclaredMetric, metricsOf } from '../metrics.ts';
import { table } from './sections.ts';

/** A label that says more than so many things is described, not listed. */
const MOST_LISTED = 12;

/** The tables of metrics of docs/observability.md. */
export async function metricTables(): Promise<Record<string, string>> {
  const common = await commonMetrics();
  const ofProcess = common.filter(({ name }) => !name.startsWith('pressferry_'));
  const known = (await allMetrics()).length;
  const tables = {
    'metrics of every process': rows(common.filter(({ name }) => name.startsWith('pressferry_'))),
    'metrics of the runtime': ofProcess.map(({ name }) => `\`${name}\``).join(', '),
    'metrics of ingress': rows(await metricsOf('ingress')),
    'metrics of enricher': rows(await metricsOf('enricher')),
    'metrics of callback': rows(await metricsOf('callback')),
  };
  if (known === 0) throw new Error('no metric is declared');
  return tables;
}

const rows = (metrics: readonly DeclaredMetric[]): string =>
  table(
    ['metric', 'type', 'labels', 'meaning'],
    metrics.map((metric) => [`\`${metric.name}\``, metric.type, labels(metric), metric.help]),
  );

function labels({ type, labelNames, atStart }: DeclaredMetric): string {
  const described = labelNames.map((label) => {
    const values = [...new Set(atStart.map((series) => series.labels[label] ?? ''))];
    if (type === 'gauge' || values.length === 0) return `\`${label}\``;
    return values.length > MOST_LISTED
      ? `\`${label}\` (${values.length} of a closed list)`
      : `\`${label}\`: ${values.map((value) => `\`${value}\``).join(', ')}`;
  });
  return described.length === 0 ? '–' : described.join('; ');
}
