import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { selectorsOf } from '../../scripts/alerts.ts';
import { DASHBOARDS, queriesOf } from '../../scripts/dashboards/index.ts';
import { allMetrics } from '../../scripts/metrics.ts';
import { needsHelm, render } from './helm.ts';

const dashboards = Object.entries(DASHBOARDS);

test('every metric of the services is on a dashboard', async () => {
  const shown = new Set(
    dashboards.flatMap(([, dashboard]) =>
      queriesOf(dashboard).flatMap(({ query }) => selectorsOf(query).map(({ metric }) => metric)),
    ),
  );
  const hidden = (await allMetrics()).filter(
    ({ name }) =>
      name.startsWith('pressferry_') && !['', '_bucket', '_count'].some((end) => shown.has(`${name}${end}`)),
  );
  assert.deepEqual(
    hidden.map(({ name }) => name),
    [],
    'give each a panel in scripts/dashboards/',
  );
});

suite('the dashboards of the chart', needsHelm, () => {
  const configMaps = async (...args: string[]) =>
    (await render(...args)).filter(({ metadata }) => metadata.labels['app.kubernetes.io/component'] === 'dashboards');

  test('are ConfigMaps that a sidecar finds, each a dashboard as it is generated', async () => {
    const made = await configMaps(
      '--set',
      'dashboards.enabled=true',
      '--set',
      'dashboards.annotations.grafana_folder=Pressferry',
    );
    assert.equal(made.length, Object.keys(DASHBOARDS).length);
    for (const { metadata, data = {} } of made) {
      assert.equal(metadata.labels.grafana_dashboard, '1');
      assert.equal(metadata.annotations?.grafana_folder, 'Pressferry');
      const [[name = '', text = ''] = []] = Object.entries(data);
      const dashboard = JSON.parse(text) as { uid: string; title: string; panels: { id: number }[] };
      assert.equal(dashboard.title, DASHBOARDS[name.replace(/^pressferry-|\.json$/g, '')]?.title);
      assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
    }
  });

  test('are not made by default, and go where Grafana looks', async () => {
    assert.deepEqual(await configMaps(), []);
    const made = await configMaps('--set', 'dashboards.enabled=true', '--set', 'dashboards.namespace=monitoring');
    for (const { metadata } of made) assert.equal(metadata.namespace, 'monitoring');
  });
});
