import type { Dashboard, Panel, Row, Variable } from './panel.ts';

const PROMETHEUS = { type: 'prometheus', uid: '$datasource' };
const POSTGRES = { type: 'grafana-postgresql-datasource', uid: '$postgres' };
const WIDTH = 24;

/** The JSON that Grafana's sidecar loads. */
export function render(dashboard: Dashboard): string {
  const { uid, title, description, rows, variables = [], usesPostgres = false } = dashboard;
  const json = {
    uid,
    title,
    description,
    tags: ['pressferry'],
    timezone: 'browser',
    editable: false,
    graphTooltip: 1,
    refresh: '30s',
    schemaVersion: 39,
    time: { from: 'now-6h', to: 'now' },
    links: [{ title: 'Pressferry', type: 'dashboards', tags: ['pressferry'], asDropdown: true, keepTime: true }],
    templating: {
      list: [
        { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        ...(usesPostgres
          ? [{ name: 'postgres', label: 'Postgres', type: 'datasource', query: 'grafana-postgresql-datasource' }]
          : []),
        choice(
          { name: 'namespace', label: 'Namespace', query: 'label_values(pressferry_build_info, namespace)' },
          true,
        ),
        ...variables.map((variable) => choice(variable, false)),
      ],
    },
    panels: place(rows),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** A variable whose values are asked for. All namespaces are those without the label too, as outside Kubernetes. */
const choice = ({ name, label, query, isSql = false }: Variable, hasAll: boolean) => ({
  ...{ name, label, type: 'query', datasource: isSql ? POSTGRES : PROMETHEUS, refresh: 2, sort: 1 },
  query: isSql ? query : { query, refId: name },
  ...(hasAll ? { includeAll: true, multi: true, allValue: '.*', current: { text: 'All', value: '$__all' } } : {}),
});

/** Panels from left to right, row by row. */
function place(rows: readonly Row[]): unknown[] {
  const placed: unknown[] = [];
  let top = 0;
  for (const { title, panels } of rows) {
    placed.push({
      type: 'row',
      id: placed.length + 1,
      title,
      collapsed: false,
      gridPos: { x: 0, y: top, w: WIDTH, h: 1 },
      panels: [],
    });
    top += 1;
    let left = 0;
    let height = 0;
    for (const panel of panels) {
      if (left + panel.width > WIDTH) {
        top += height;
        left = 0;
        height = 0;
      }
      placed.push({
        ...body(panel),
        id: placed.length + 1,
        gridPos: { x: left, y: top, w: panel.width, h: panel.height },
      });
      left += panel.width;
      height = Math.max(height, panel.height);
    }
    top += height;
  }
  return placed;
}

function body(panel: Panel) {
  const { title, description, kind, unit, lines, sql, stacked = false } = panel;
  const targets =
    sql === undefined
      ? lines.map(({ expr, legend }, index) => ({
          ...{ refId: String.fromCharCode(65 + index), datasource: PROMETHEUS, expr, legendFormat: legend },
          ...(kind === 'timeseries' ? { range: true } : { instant: true }),
        }))
      : [{ refId: 'A', datasource: POSTGRES, rawSql: sql, rawQuery: true, format: 'table' }];
  const custom = {
    fillOpacity: stacked ? 40 : 8,
    lineWidth: 1,
    showPoints: 'never',
    stacking: { mode: stacked ? 'normal' : 'none' },
  };
  return {
    type: kind,
    title,
    description,
    datasource: sql === undefined ? PROMETHEUS : POSTGRES,
    targets,
    fieldConfig: {
      defaults: {
        unit,
        min: unit === 'percentunit' ? undefined : 0,
        thresholds: thresholds(panel),
        ...(kind === 'timeseries' ? { custom } : {}),
      },
      overrides: [],
    },
    options:
      kind === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'background', graphMode: 'area' }
        : kind === 'timeseries'
          ? { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } }
          : {},
  };
}

function thresholds({ badFrom, badBelow }: Panel) {
  const steps =
    badBelow === undefined
      ? [{ color: 'green', value: null }, ...(badFrom === undefined ? [] : [{ color: 'red', value: badFrom }])]
      : [
          { color: 'red', value: null },
          { color: 'green', value: badBelow },
        ];
  return { mode: 'absolute', steps };
}
