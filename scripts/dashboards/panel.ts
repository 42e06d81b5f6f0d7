/** How a panel's numbers are written: Grafana's names of units. */
export type Unit = 'short' | 'reqps' | 's' | 'bytes' | 'percentunit' | 'none' | 'ops';

/** One line of a panel; `legend` takes labels in double braces. */
export interface Line {
  expr: string;
  legend: string;
}

export interface Panel {
  title: string;
  /** What the panel tells, and from when on it is bad. */
  description: string;
  kind: 'timeseries' | 'stat' | 'table';
  unit: Unit;
  lines: readonly Line[];
  /** SQL in place of PromQL: a panel of the Postgres data source. */
  sql?: string;
  width: number;
  height: number;
  stacked?: boolean;
  /** From this value on it is shown red. */
  badFrom?: number;
  /** Below this value it is shown red. */
  badBelow?: number;
}

export interface Row {
  title: string;
  panels: readonly Panel[];
}

export interface Dashboard {
  uid: string;
  title: string;
  description: string;
  rows: readonly Row[];
  /** Variables in addition to the data source and the namespace. */
  variables?: readonly Variable[];
  usesPostgres?: boolean;
}

export interface Variable {
  name: string;
  label: string;
  /** `label_values(…)`, or SQL if `isSql`. */
  query: string;
  isSql?: boolean;
}

/** What every selector asks: the installation that the dashboard shows. */
export const OURS = 'namespace=~"$namespace"';

const panel =
  (kind: Panel['kind'], width: number, height: number) =>
  (title: string, description: string, unit: Unit, lines: readonly Line[], more: Partial<Panel> = {}): Panel => ({
    ...{ title, description, kind, unit, lines, width, height },
    ...more,
  });

/** Lines over time; two of them side by side. */
export const graph = panel('timeseries', 12, 8);
/** One number; six of them side by side. */
export const stat = panel('stat', 4, 4);

/** A table of what Postgres answers. */
export const sqlTable = (title: string, description: string, sql: string, width = 12): Panel => ({
  ...{ title, description, kind: 'table', unit: 'short', lines: [], sql, width, height: 8 },
});

export const line = (expr: string, legend = ''): Line => ({ expr, legend });

/** Lines of the percentiles of a histogram, which the labels in `by` tell apart. */
export function percentiles(histogram: string, selector: string, by: readonly string[] = []): Line[] {
  const grouping = ['le', ...by].join(', ');
  const name = by.map((label) => `{{${label}}} `).join('');
  return [0.5, 0.95, 0.99].map((share) =>
    line(
      `histogram_quantile(${share}, sum by (${grouping}) (rate(${histogram}_bucket{${selector}}[$__rate_interval])))`,
      `${name}p${share * 100}`,
    ),
  );
}
