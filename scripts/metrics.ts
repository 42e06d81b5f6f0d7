import { measureJetStream } from '../packages/jetstream/src/measure.ts';
import { createRegistry } from '../packages/runtime/src/metrics.ts';
import { createMetrics as callback } from '../services/callback/src/metrics.ts';
import { createMetrics as enricher } from '../services/enricher/src/metrics.ts';
import { createMetrics as ingress } from '../services/ingress/src/metrics.ts';

export interface DeclaredMetric {
  name: string;
  type: 'counter' | 'gauge' | 'histogram' | 'summary';
  help: string;
  labelNames: readonly string[];
  /** The series that are there before anything happened; of a histogram, those of its count. */
  atStart: { labels: Record<string, string>; value: number }[];
}

const SERVICES = {
  ingress: (registry: Registry) => void ingress(registry),
  enricher: (registry: Registry) => void enricher(registry),
  callback: (registry: Registry) => void callback(registry),
};
export type ServiceName = keyof typeof SERVICES;

/** What each service declares of its own. */
export async function metricsOf(service: ServiceName): Promise<DeclaredMetric[]> {
  return (await declared(SERVICES[service])).filter(({ name }) => name.startsWith(`pressferry_${service}_`));
}

/** What every process has: its own, Node's, the release, and JetStream's. */
export async function commonMetrics(): Promise<DeclaredMetric[]> {
  return declared((registry) => void measureJetStream(registry, { streams: [], consumers: [] }));
}

/** Everything. */
export async function allMetrics(): Promise<DeclaredMetric[]> {
  const services = Object.keys(SERVICES) as ServiceName[];
  return [...(await commonMetrics()), ...(await Promise.all(services.map(metricsOf))).flat()];
}

type Registry = ReturnType<typeof createRegistry>;

async function declared(declare: (registry: Registry) => void): Promise<DeclaredMetric[]> {
  const registry = createRegistry();
  declare(registry);
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map(({ name, type, help, values }) => {
    // Of a histogram each line says which of its three names it has; of others none does.
    const counted = values.filter((line) => !('metricName' in line) || String(line.metricName).endsWith('_count'));
    return {
      name,
      type: String(type) as DeclaredMetric['type'],
      help,
      // prom-client's type does not tell of it.
      labelNames: (registry.getSingleMetric(name) as unknown as { labelNames?: string[] }).labelNames ?? [],
      atStart: counted.map(({ labels, value }) => ({ labels: labels as Record<string, string>, value })),
    };
  });
}
