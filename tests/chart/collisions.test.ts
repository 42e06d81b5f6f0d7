import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { SERVICE_NAMES } from '../../scripts/chart/services.ts';
import { envOf, find, needsHelm, podOf, render } from './helm.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pressferry-chart-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Renders with values that are not texts and numbers only. */
async function renderWith(values: unknown) {
  const file = join(folder, 'values.yaml');
  await writeFile(file, JSON.stringify(values));
  return render('--values', file);
}

const fixed = ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/component'];

suite('what a user adds and what the chart sets', needsHelm, () => {
  test('an OTEL_* variable of extraEnv takes the place of the one that telemetry sets', async () => {
    const objects = await renderWith({
      telemetry: { otlpEndpoint: 'http://collector:4318' },
      callback: {
        extraEnv: [
          { name: 'OTEL_SERVICE_NAME', value: 'mine' },
          { name: 'NODE_OPTIONS', value: '--trace-warnings' },
        ],
      },
    });
    const names = podOf(find(objects, 'Deployment', 'callback')).containers[0]?.env?.map(({ name }) => name) ?? [];
    assert.equal(names.filter((name) => name === 'OTEL_SERVICE_NAME').length, 1);
    const env = envOf(find(objects, 'Deployment', 'callback'));
    assert.deepEqual([env.OTEL_SERVICE_NAME, env.NODE_OPTIONS], ['mine', '--trace-warnings']);
    assert.equal(envOf(find(objects, 'Deployment', 'ingress')).OTEL_SERVICE_NAME, 'pressferry-ingress');
  });

  for (const [what, values, message] of [
    [
      'NATS_URL',
      { ingress: { extraEnv: [{ name: 'NATS_URL', value: 'x' }] } },
      /ingress\.extraEnv sets NATS_URL, which the chart sets already/,
    ],
    [
      'a variable that the chart reads from a file',
      { callback: { extraEnv: [{ name: 'DATABASE_URL', value: 'x' }] } },
      /callback\.extraEnv sets DATABASE_URL/,
    ],
    [
      'the file of a variable that config sets',
      {
        ingress: {
          config: { TRUSTED_PROXIES: ['10.0.0.1'] },
          extraEnv: [{ name: 'TRUSTED_PROXIES_FILE', value: '/a' }],
        },
      },
      /extraEnv sets TRUSTED_PROXIES_FILE/,
    ],
    [
      'a variable of config',
      { config: { LOG_LEVEL: 'warn' }, enricher: { extraEnv: [{ name: 'LOG_LEVEL', value: 'x' }] } },
      /use enricher\.config/,
    ],
    [
      'a variable twice',
      {
        ingress: {
          extraEnv: [
            { name: 'A', value: '1' },
            { name: 'A', value: '2' },
          ],
        },
      },
      /ingress\.extraEnv sets A twice/,
    ],
    [
      'a variable of config among those of vendors',
      { config: { LOG_LEVEL: 'warn' }, enricher: { vendors: { env: { LOG_LEVEL: 'info' } } } },
      /enricher: the variable LOG_LEVEL is set twice/,
    ],
  ] as const) {
    test(`${what} in extraEnv is refused before anything is installed, with what to do instead`, async () => {
      await assert.rejects(renderWith(values), message);
    });
  }

  test('labels that select pods cannot be replaced, and the message names them', async () => {
    for (const label of fixed) {
      await assert.rejects(renderWith({ commonLabels: { [label]: 'x' } }), new RegExp(`commonLabels sets ${label}`));
      await assert.rejects(
        renderWith({ callback: { podLabels: { [label]: 'x' } } }),
        new RegExp(`callback\\.podLabels sets ${label}`),
      );
    }
  });

  test('other labels of the chart can, and none is written twice', async () => {
    const objects = await renderWith({
      commonLabels: { 'app.kubernetes.io/part-of': 'platform', team: 'web', tier: 'all' },
      ingress: { podLabels: { tier: 'front' } },
      podMonitor: { enabled: true, labels: { team: 'metrics', 'app.kubernetes.io/part-of': 'monitoring' } },
    });
    for (const { metadata } of objects)
      assert.equal(metadata.labels.team === 'web' || metadata.labels.team === 'metrics', true);
    const { labels } = find(objects, 'PodMonitor', 'ingress').metadata;
    assert.deepEqual([labels['app.kubernetes.io/part-of'], labels.team, labels.tier], ['monitoring', 'metrics', 'all']);
    for (const service of SERVICE_NAMES) {
      const { spec } = find(objects, 'Deployment', service);
      const { template, selector } = spec as {
        template: { metadata: { labels: Record<string, string> } };
        selector: { matchLabels: Record<string, string> };
      };
      assert.equal(template.metadata.labels.tier, service === 'ingress' ? 'front' : 'all');
      for (const [name, value] of Object.entries(selector.matchLabels))
        assert.equal(template.metadata.labels[name], value);
    }
  });

  test('a fault in a value is told where it is, and nothing else', async () => {
    for (const [values, message] of [
      [
        { ingress: { serviceAccount: { foo: 1 } } },
        "- at '/ingress/serviceAccount': additional properties 'foo' not allowed",
      ],
      [{ enricher: { resources: { foo: 1 } } }, "- at '/enricher/resources': additional properties 'foo' not allowed"],
      [
        { callback: { resources: { limits: { memory: '12 GB' } } } },
        "- at '/callback/resources/limits/memory': '12 GB' does not match pattern",
      ],
      [{ callback: { nothing: 1 } }, "- at '/callback': additional properties 'nothing' not allowed"],
    ] as const) {
      await assert.rejects(renderWith(values), (error: Error) => {
        const faults = error.message.split('\n').filter((line) => line.startsWith('- '));
        assert.equal(faults.length, 1, error.message);
        assert.ok(faults[0]?.startsWith(message), error.message);
        return true;
      });
    }
  });
});
