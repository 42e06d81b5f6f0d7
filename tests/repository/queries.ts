import { allRules, type Selector, selectorsOf } from '../../scripts/alerts.ts';
import { allMetrics } from '../../scripts/metrics.ts';

const metrics = new Map((await allMetrics()).map((metric) => [metric.name, metric]));
const recorded = new Set(allRules().flatMap(({ record }) => record ?? []));

/** What of a PromQL query no code declares: metrics, and values of their closed labels. */
export const faultsOf = (query: string): string[] => selectorsOf(query).flatMap((selector) => fault(selector) ?? []);

/** The fault of the metrics that a query reads; undefined if nothing is. */
function fault({ metric, matchers }: Selector): string | undefined {
  if (recorded.has(metric)) return undefined;
  const declared = metrics.get(metric) ?? metrics.get(metric.replace(/_(bucket|sum|count)$/, ''));
  if (declared === undefined) return `${metric} is declared nowhere`;
  for (const { label, values } of matchers) {
    const known = declared.atStart.map(({ labels }) => labels[label]);
    // Labels that Prometheus adds, and those of gauges, whose values are not known beforehand.
    if (!declared.labelNames.includes(label) || declared.type === 'gauge') continue;
    // A pattern names values by a part of them.
    const strange = values.filter((value) => !known.some((one) => new RegExp(`^(?:${value})$`).test(String(one))));
    if (strange.length > 0) return `${metric} never has ${label}="${strange.join('|')}"`;
  }
  return undefined;
}
