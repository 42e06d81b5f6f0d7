import { callback } from './callback.ts';
import { enricher } from './enricher.ts';
import { fleet } from './fleet.ts';
import { ingress } from './ingress.ts';
import type { Dashboard } from './panel.ts';
import { platform } from './platform.ts';
import { site } from './site.ts';

/** Every dashboard, by the name of its file. */
export const DASHBOARDS: Readonly<Record<string, Dashboard>> = { fleet, ingress, enricher, callback, platform, site };

/** Every query to Prometheus of a dashboard, with Grafana's variables put in. */
export const queriesOf = ({ rows }: Dashboard): { title: string; query: string }[] =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ title, lines }) => lines.map(({ expr }) => ({ title, query: withVariables(expr) }))),
  );

/** Every statement to Postgres of a dashboard. */
export const statementsOf = ({ rows, variables = [] }: Dashboard): string[] => [
  ...rows.flatMap(({ panels }) => panels.flatMap(({ sql }) => (sql === undefined ? [] : withVariables(sql)))),
  ...variables.flatMap(({ query, isSql }) => (isSql === true ? query : [])),
];

const withVariables = (text: string): string =>
  text
    .replaceAll('$namespace', '.*')
    .replaceAll('$__rate_interval', '5m')
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's way to quote a text for SQL
    .replaceAll('${site:sqlstring}', "'some-site'")
    .replaceAll('$site', 'some-site');
