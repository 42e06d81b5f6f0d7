// What an installation lives through on an ordinary day, with every rule at once: no alert fires.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { ruleFiles } from '../../scripts/alerts.ts';
import { findTool, ROOT } from './helm.ts';

const promtool = findTool('promtool');
const skip = promtool === undefined && "promtool is not installed (Debian's package prometheus)";

interface Series {
  series: string;
  values: string;
}

/** In promtool's notation: one value a minute. */
const series = (metric: string, labels: Record<string, string>, values: string): Series => {
  const all = Object.entries({ namespace: 'pressferry', ...labels }).map(([name, value]) => `${name}="${value}"`);
  return { series: `${metric}{${all.join(', ')}}`, values };
};

const SERVICES = ['ingress', 'enricher', 'callback'] as const;
type Service = (typeof SERVICES)[number];

/** What a healthy pod shows. */
const AT_REST: Record<Service, Record<string, number>> = {
  ingress: { sites: 40, faulty_sites: 0, registry_age_seconds: 3, refused_sites: 0 },
  enricher: {
    automations: 4,
    database_up: 1,
    oldest_due_run_age_seconds: 0,
    unpublished_results: 0,
    future_partitions: 7,
  },
  callback: {
    ...{ sites: 40, faulty_sites: 0, registry_age_seconds: 3, database_up: 1, open_breakers: 0, fleet_suspect: 0 },
    oldest_due_delivery_age_seconds: 0,
  },
};
/** What differs in its first scrape. */
const STARTING = new Set(['connected', 'database_up', 'automations', 'sites']);

/** There from minute `from` on, for so many minutes; the first scrape may fall into its start. */
function pod(service: Service, name: string, life: { from?: number; minutes: number; version?: string }): Series[] {
  const { from = 0, minutes, version = '1' } = life;
  const before = from === 0 ? '' : `_x${from} `;
  const lasting = (metric: string, value: number): string => {
    const first = STARTING.has(metric) && from > 0 ? 0 : value;
    return `${before}${first} ${value}x${minutes - 2} stale`;
  };
  const scraped = { pod: name, job: service, instance: name };
  return [
    ...Object.entries(AT_REST[service]).map(([metric, value]) =>
      series(`pressferry_${service}_${metric}`, { pod: name }, lasting(metric, value)),
    ),
    series('pressferry_jetstream_connected', { pod: name }, lasting('connected', 1)),
    series('pressferry_build_info', { ...scraped, version, revision: version }, lasting('build_info', 1)),
    series('process_start_time_seconds', scraped, lasting('start', 1_000 + from * 60)),
  ];
}

const onePodEach = (minutes: number): Series[] =>
  SERVICES.flatMap((service) => pod(service, `${service}-a`, { minutes }));

const streams = (minutes: number, behind = `0x${minutes}`): Series[] =>
  ['EVENTS', 'RESULTS', 'DEADLETTERS'].flatMap((stream) =>
    Object.entries({
      up: `1x${minutes}`,
      bytes: `1000x${minutes}`,
      max_bytes: `1000000x${minutes}`,
      replicas_behind: behind,
    }).map(([metric, values]) => series(`pressferry_jetstream_stream_${metric}`, { pod: 'ingress-a', stream }, values)),
  );

const counters = (metric: string, label: string, values: readonly string[], minutes: number): Series[] =>
  values.map((value) => series(metric, { [label]: value }, `0x${minutes}`));

/** Each lasts an hour and a half at most. */
const DAYS: Record<string, Series[]> = {
  'an installation without any event': [
    ...SERVICES.flatMap((service) => pod(service, `${service}-a`, { from: 1, minutes: 90 })),
    ...streams(90),
    ...counters('pressferry_ingress_requests_total', 'outcome', ['accepted', 'internal_error', 'timestamp_drift'], 90),
    ...counters('pressferry_callback_deliveries_total', 'outcome', ['acknowledged', 'dead', 'polled'], 90),
    ...counters('pressferry_enricher_run_seconds_bucket', 'le', ['300', '+Inf'], 90),
    series('pressferry_enricher_run_seconds_count', {}, '0x90'),
    ...counters('pressferry_enricher_dead_letters_total', 'outcome', ['published'], 90),
  ],
  'a deploy that replaces one pod after the other': [
    ...SERVICES.flatMap((service) =>
      [30, 32, 34].flatMap((from, at) => [
        ...pod(service, `${service}-old${at}`, { minutes: from }),
        ...pod(service, `${service}-new${at}`, { from, minutes: 70 - from, version: '2' }),
      ]),
    ),
    ...streams(70),
  ],
  'a restart of every pod at once, with three minutes without any': SERVICES.flatMap((service) => [
    ...pod(service, `${service}-old`, { minutes: 30 }),
    ...pod(service, `${service}-new`, { from: 33, minutes: 40 }),
  ]),
  'one pod of three that is gone': [
    ...SERVICES.flatMap((service) =>
      [60, 60, 20].flatMap((minutes, at) => pod(service, `${service}-${at}`, { minutes })),
    ),
    ...streams(60),
  ],
  'a server of NATS that restarts, five minutes behind': [...onePodEach(60), ...streams(60, '0x20 1x5 0x35')],
  'a site that is paused for an hour': [
    ...onePodEach(80),
    series('pressferry_enricher_held_runs', { site_status: 'paused' }, '0x10 400x70'),
    series('pressferry_callback_held_deliveries', { site_status: 'paused' }, '0x10 400x70'),
    series('pressferry_jetstream_consumer_oldest_age_seconds', { stream: 'EVENTS', consumer: 'enricher' }, '1x80'),
  ],
  'a site whose clock is set right after fifteen refusals': [
    ...onePodEach(60),
    series('pressferry_ingress_requests_total', { outcome: 'accepted' }, '0+60x60'),
    series('pressferry_ingress_requests_total', { outcome: 'timestamp_drift' }, '0x20 15x40'),
  ],
  'a pass of retention that works for ten minutes': [
    ...onePodEach(60),
    series('pressferry_callback_dead_rows_kept_seconds', {}, '0x20 60+60x10 0x30'),
    series('pressferry_callback_polls_held_back_seconds', {}, '0x20 20x3 0x37'),
    series('nodejs_eventloop_lag_p99_seconds', { job: 'enricher', instance: 'enricher-a' }, '0.02x20 0.7x3 0.02x37'),
  ],
};

/** What promtool says of the day under the rules; each rule's `for` is replaced by `wait`, if it is given. */
async function judge(day: string, wait?: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-ordinary-'));
  try {
    const files = ruleFiles();
    for (const [path, file] of files) {
      const place = join(folder, basename(path));
      if (wait === undefined) await copyFile(join(ROOT, path), place);
      else {
        for (const { rules } of file.groups) for (const rule of rules) if (rule.for !== undefined) rule.for = wait;
        await writeFile(place, stringify(file));
      }
    }
    const checks = Array.from({ length: 85 }, (_, minute) => ({
      expr: 'ALERTS{alertstate="firing"}',
      eval_time: `${minute}m`,
      exp_samples: [],
    }));
    // Beyond its end a day has no pods.
    const minutes = DAYS[day]?.some(({ values }) => /x90$/.test(values)) ? 85 : 58;
    const tests = [{ name: day, interval: '1m', input_series: DAYS[day], promql_expr_test: checks.slice(3, minutes) }];
    const file = { rule_files: files.map(([path]) => basename(path)), evaluation_interval: '1m', tests };
    await writeFile(join(folder, 'day_test.yaml'), stringify(file));
    const { stdout } = await promisify(execFile)(promtool ?? '', ['test', 'rules', join(folder, 'day_test.yaml')]);
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

suite('no alert fires', { skip }, () => {
  for (const day of Object.keys(DAYS)) test(`at ${day}`, async () => assert.match(await judge(day), /SUCCESS/));

  test('because rules wait: without that, a restart of every pod is told', async () => {
    const told = judge('a restart of every pod at once, with three minutes without any', '0s');
    await assert.rejects(told, /PressferryServiceAbsent/);
  });
});
