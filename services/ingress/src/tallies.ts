import { combinations, type LabelValues } from '@pressferry/runtime';
import { Counter, type Metric, type Registry } from 'prom-client';

/** The labels of one series. */
type Labels<L extends string> = Readonly<Record<L, string>>;

/** One series of a counter: add to `count` what happened. */
export interface Count {
  count: number;
}

/** One series of a histogram. */
export interface Durations {
  observe: (seconds: number) => void;
}

export interface TallyOptions<L extends string> {
  name: string;
  help: string;
  /** What each label may say: every series is there at 0 from the start. */
  labels: LabelValues<L>;
  registry: Registry;
}

/** A counter whose increments are plain additions until Prometheus asks: by labels, each would hash them anew. */
export function tallyCounter<L extends string>(options: TallyOptions<L>): (labels: Labels<L>) => Count {
  const { name, help, labels: values, registry } = options;
  const cells: (Count & { labels: Labels<L> })[] = [];
  const counter = new Counter({
    name,
    help,
    labelNames: Object.keys(values) as L[],
    registers: [registry],
    collect() {
      for (const cell of cells) {
        if (cell.count > 0) this.inc(cell.labels, cell.count);
        cell.count = 0;
      }
    },
  });
  for (const labels of combinations(values)) counter.inc(labels, 0);
  return (labels) => {
    const cell = { labels, count: 0 };
    cells.push(cell);
    return cell;
  };
}

/** The same for a histogram: prom-client's own hashes the labels of each observation. The same labels are the same series; `buckets` rise. */
export function tallyHistogram<L extends string>(
  options: TallyOptions<L> & { buckets: readonly number[] },
): (labels: Labels<L>) => Durations {
  const { name, help, labels: values, registry, buckets } = options;
  const labelNames = Object.keys(values) as L[];
  const series = new Map<string, { labels: Labels<L>; durations: Histogram }>();
  const about = { name, help, type: 'histogram', aggregator: 'sum' };
  const metric = {
    ...about,
    labelNames,
    get: async () => ({
      ...about,
      values: [...series.values()].flatMap(({ labels, durations }) =>
        durations.read().map(({ suffix, value, ...le }) => ({
          metricName: `${name}_${suffix}`,
          labels: { ...le, ...labels },
          value,
        })),
      ),
    }),
  };
  // The registry needs no more of a metric than this; its type names prom-client's own four classes.
  registry.registerMetric(metric as unknown as Metric<L>);
  const find = (labels: Labels<L>): Durations => {
    const key = labelNames.map((label) => labels[label]).join('\n');
    const known = series.get(key) ?? { labels, durations: createHistogram(buckets) };
    series.set(key, known);
    return known.durations;
  };
  for (const labels of combinations(values)) find(labels);
  return find;
}

interface Histogram extends Durations {
  /** The lines of the text format, each bucket with all that lie below it. */
  read: () => { suffix: 'bucket' | 'sum' | 'count'; le?: number | '+Inf'; value: number }[];
}

function createHistogram(buckets: readonly number[]): Histogram {
  // The last one is of what lies beyond all bounds.
  const counts = new Float64Array(buckets.length + 1);
  let sum = 0;
  return {
    observe: (seconds) => {
      let at = 0;
      while (at < buckets.length && seconds > (buckets[at] as number)) at++;
      counts[at] = (counts[at] ?? 0) + 1;
      sum += seconds;
    },
    read: () => {
      let count = 0;
      const lines = [...counts].map((each, at) => {
        count += each;
        return { suffix: 'bucket' as const, le: buckets[at] ?? ('+Inf' as const), value: count };
      });
      return [...lines, { suffix: 'sum', value: sum }, { suffix: 'count', value: count }];
    },
  };
}
