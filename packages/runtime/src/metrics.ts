import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { REVISION, VERSION } from './version.ts';

export type LabelValues<L extends string> = Readonly<Record<L, readonly string[]>>;

/** At prom-client's 10 ms an idle process spends 4 ms of CPU time a second on this. */
const LAG_PRECISION_MS = 50;

/** With `process_…`, `nodejs_…` and `pressferry_build_info`. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_PRECISION_MS });
  // Gauges named like totals, which `promtool check metrics` refuses; the same by type remain.
  for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`);
  new Gauge({
    name: 'pressferry_build_info',
    help: 'Always 1; the labels say which release runs, from which commit, on which Node',
    labelNames: ['version', 'revision', 'node'],
    registers: [registry],
  }).set({ version: VERSION, revision: REVISION, node: process.version }, 1);
  return registry;
}

export interface Declare {
  /** Every series starts at 0: `increase()` does not see the first count of a new series. */
  counter: <L extends string>(name: string, help: string, labels: LabelValues<L>) => Counter<L>;
  /** The same for a histogram; `buckets` rise. */
  histogram: <L extends string>(
    name: string,
    help: string,
    labels: LabelValues<L>,
    buckets: readonly number[],
  ) => Histogram<L>;
  /** `read` sets the series at each scrape; they come and go with what it measures. */
  gauge: <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read?: (gauge: Gauge<L>) => void | Promise<void>,
  ) => Gauge<L>;
}

export function declareMetrics(registry: Registry, prefix: string): Declare {
  const registers = [registry];
  return {
    counter: (name, help, labels) => {
      const counter = new Counter({ name: `${prefix}${name}`, help, labelNames: namesOf(labels), registers });
      for (const series of combinations(labels)) counter.inc(series, 0);
      return counter;
    },
    histogram: (name, help, labels, buckets) => {
      const about = { name: `${prefix}${name}`, help, labelNames: namesOf(labels), registers };
      const histogram = new Histogram({ ...about, buckets: [...buckets] });
      for (const series of combinations(labels)) histogram.zero(series);
      return histogram;
    },
    gauge: (name, help, labelNames, read) =>
      new Gauge({
        ...{ name: `${prefix}${name}`, help, labelNames, registers },
        ...(read === undefined
          ? {}
          : {
              collect() {
                return read(this);
              },
            }),
      }),
  };
}

const namesOf = <L extends string>(labels: LabelValues<L>): L[] => Object.keys(labels) as L[];

function combinations<L extends string>(labels: LabelValues<L>): Record<L, string>[] {
  let all = [{} as Record<L, string>];
  for (const name of namesOf(labels))
    all = all.flatMap((one) => labels[name].map((value) => ({ ...one, [name]: value })));
  return all;
}
