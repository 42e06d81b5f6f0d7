import assert from 'node:assert/strict';
import test from 'node:test';
import { allMetrics, metricsOf, type ServiceName } from '../../scripts/metrics.ts';

const SERVICES: ServiceName[] = ['ingress', 'enricher', 'callback'];
const metrics = await allMetrics();
/** Ours, by the prefix; the others are prom-client's. */
const ours = metrics.filter(({ name }) => name.startsWith('pressferry_'));

test('every counter and histogram of every service has all its series at 0 before anything happened', () => {
  const counting = ours.filter(({ type }) => type === 'counter' || type === 'histogram');
  assert.ok(counting.length > 20, `${counting.length} counters and histograms`);
  for (const { name, labelNames, atStart } of counting) {
    assert.ok(atStart.length > 0, name);
    for (const { labels, value } of atStart) {
      assert.equal(value, 0, name);
      assert.deepEqual(Object.keys(labels).sort(), [...labelNames].sort(), name);
    }
  }
});

test('a metric has its unit or its kind in its name, and says in a sentence what it counts', () => {
  for (const { name, type, help } of ours) {
    assert.match(name, /^pressferry(_[a-z]+)+$/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    if (type === 'histogram') assert.match(name, /_(seconds|bytes)$/);
    // As `promtool check metrics` asks.
    assert.doesNotMatch(name, /_(milliseconds|minutes|hours|days|weeks|bits|(kilo|mega|giga)bytes)(_|$)/);
    assert.match(help, /^[A-Z0-9]/, name);
  }
});

test('no label is a free text or an id, but a site where the number of its series is bounded', () => {
  const open = ours
    .filter(({ type }) => type === 'gauge')
    .flatMap(({ name, labelNames }) => labelNames.map((label) => `${name}{${label}}`));
  const known = [
    'site_status',
    'vendor',
    'cause',
    'scope',
    'limit',
    'stream',
    'consumer',
    'version',
    'revision',
    'node',
  ];
  const others = open.filter((series) => !known.some((label) => series.endsWith(`{${label}}`)));
  assert.deepEqual(others, [
    'pressferry_ingress_site_recent_refusals{site}',
    'pressferry_ingress_site_recent_refusals{reason}',
    'pressferry_enricher_waiting_runs{reason}',
  ]);
});

test('every service shows the process, the release and JetStream', async () => {
  const common = metrics.map(({ name }) => name);
  for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds', 'pressferry_build_info'])
    assert.ok(common.includes(name), name);
  for (const service of SERVICES) assert.ok((await metricsOf(service)).length > 10, service);
});
