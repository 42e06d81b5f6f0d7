import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { waitFor } from '@pressferry/testing';
import { parse, stringify } from 'yaml';
import { ruleFiles } from '../../../scripts/alerts.ts';
import { quickened } from './quicken.ts';

const ROOT = join(import.meta.dirname, '../../..');
const INHIBIT = join(ROOT, 'charts/pressferry/files/alertmanager/inhibit.yaml');

/** An alert as Alertmanager tells it. */
export interface ActiveAlert {
  name: string;
  labels: Record<string, string>;
}

export interface Prometheus extends AsyncDisposable {
  url: string;
  query: (expr: string) => Promise<{ metric: Record<string, string>; value: string }[]>;
  /** Resolves once a scrape of every target has come through. */
  ready: () => Promise<unknown>;
}

/** Prometheus with the chart's rules, quickened, and Alertmanager with its inhibitions. */
export interface Monitoring extends Pick<Prometheus, 'query'>, AsyncDisposable {
  /** What would be told to a person now. */
  active: () => Promise<ActiveAlert[]>;
  ready: Promise<unknown>;
}

/** Starts both on free ports of this machine; `targets` are the ops URLs of the processes, by name. */
export async function startMonitoring(
  folder: string,
  programs: { prometheus: string; alertmanager: string },
  targets: Readonly<Record<string, string>>,
): Promise<Monitoring> {
  await using opened = new AsyncDisposableStack();
  const alertmanagerPort = await freePort();
  await mkdir(join(folder, 'rules'), { recursive: true });
  for (const [path, file] of ruleFiles()) {
    await writeFile(join(folder, 'rules', path.split('/').at(-1) ?? ''), stringify(quickened(file)));
  }
  const inhibition = parse(await readFile(INHIBIT, 'utf8')) as object;
  const route = {
    receiver: 'people',
    group_by: ['...'],
    group_wait: '0s',
    group_interval: '1s',
    repeat_interval: '1h',
  };
  await writeFile(
    join(folder, 'alertmanager.yml'),
    stringify({ global: { resolve_timeout: '5s' }, route, receivers: [{ name: 'people' }], ...inhibition }),
  );
  opened.use(
    run(programs.alertmanager, [
      `--config.file=${join(folder, 'alertmanager.yml')}`,
      `--storage.path=${join(folder, 'alertmanager')}`,
      `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
      '--cluster.listen-address=',
    ]),
  );
  const prometheus = opened.use(
    await startPrometheus(folder, programs.prometheus, targets, {
      rule_files: [join(folder, 'rules/*.yaml')],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanagerPort}`] }] }] },
    }),
  );
  const alertmanager = `http://127.0.0.1:${alertmanagerPort}`;
  await untilReady(alertmanager);
  const owned = opened.move();
  return {
    query: prometheus.query,
    active: async () => {
      const response = await fetch(`${alertmanager}/api/v2/alerts?active=true&silenced=false&inhibited=false`);
      const alerts = (await response.json()) as { labels: Record<string, string> }[];
      return alerts.map(({ labels }) => ({ name: labels.alertname ?? '', labels }));
    },
    ready: prometheus.ready(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Starts a Prometheus that scrapes the targets each second; `more` joins its configuration. */
export async function startPrometheus(
  folder: string,
  program: string,
  targets: Readonly<Record<string, string>>,
  more: object = {},
  labelsOf: (name: string) => object = () => ({}),
): Promise<Prometheus> {
  const port = await freePort();
  await writeFile(
    join(folder, 'prometheus.yml'),
    stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      ...more,
      scrape_configs: Object.entries(targets).map(([name, url]) => ({
        job_name: name,
        static_configs: [{ targets: [new URL(url).host], labels: labelsOf(name) }],
      })),
    }),
  );
  const running = run(program, [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'prometheus')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url);
  const query: Prometheus['query'] = async (expr) => {
    const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: expr }) });
    const { status, error, data } = (await response.json()) as QueryAnswer;
    if (status !== 'success') throw new Error(`${expr}: ${error}`);
    return data.result.map(({ metric, value: [, value] }) => ({ metric, value }));
  };
  return {
    ...{ url, query },
    ready: () =>
      waitFor(async () => (await query('up == 1')).length === Object.keys(targets).length, {
        what: 'every process to be scraped',
        timeoutMs: 60_000,
      }),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

const untilReady = (url: string): Promise<unknown> =>
  waitFor(async () => (await fetch(`${url}/-/ready`)).ok, { what: `${url} to be ready`, timeoutMs: 60_000 });

interface QueryAnswer {
  status: string;
  error?: string;
  data: { result: { metric: Record<string, string>; value: [number, string] }[] };
}

function run(program: string, args: string[]): AsyncDisposable {
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output = `${output}${text}`.slice(-4_000)));
  child.once('exit', (code) => {
    if (code !== null && code !== 0) console.error(`${program} ended with ${code}:\n${output}`);
  });
  return {
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
