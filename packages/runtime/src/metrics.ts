import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { REVISION, VERSION } from './version.ts';

/** Each label of a metric with everything that it may say. */
export type LabelValues<L extends string> = Readonly<Record<L, readonly string[]>>;

/** Each look at the event loop wakes the process: at prom-client's 10 ms that costs an idle process 4 ms of CPU time a second. */
const LAG_PRECISION_MS = 50;

/** A registry with the metrics of every process: `process_…`, `nodejs_…` and `pressferry_build_info`. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_PRECISION_MS });
  // Gauges that are called totals, which `promtool check metrics` refuses; the same by type remain.
  for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`);
  new Gauge({
    name: 'pressferry_build_info',
    help: 'Always 1; the labels say which release runs, from which commit, on which Node',
    labelNames: ['version', 'revision', 'node'],
    registers: [registry],
  }).set({ version: VERSION, revision: REVISION, node: process.version }, 1);
  return registry;
}

/** Ways to declare metrics whose names begin alike. */
export interface Declare {
  /** Every series is there at 0 from the start: `increase()` does not see the first count of a series that came with it. */
  counter: <L extends string>(name: string, help: string, labels: LabelValues<L>) => Counter<L>;
  /** The same for a histogram; `buckets` rise. */
  histogram: <L extends string>(
    name: string,
    help: string,
    labels: LabelValues<L>,
    buckets: readonly number[],
  ) => Histogram<L>;
  /** A gauge's series come and go with what it measures; `read` sets them when Prometheus asks. */
  gauge: <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read?: (gauge: Gauge<L>) => void | Promise<void>,
  ) => Gauge<L>;
}

/** Declares metrics on a registry; `prefix` comes before each name. */
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

/** Every series that the labels allow. */
function combinations<L extends string>(labels: LabelValues<L>): Record<L, string>[] {
  let all = [{} as Record<L, string>];
  for (const name of namesOf(labels))
    all = all.flatMap((one) => labels[name].map((value) => ({ ...one, [name]: value })));
  return all;
}
