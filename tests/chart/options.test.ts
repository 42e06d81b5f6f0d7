import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { consumerDefinitions } from '@pressferry/contracts';
import { selectorsOf } from '../../scripts/alerts.ts';
import { SERVICE_NAMES } from '../../scripts/chart/services.ts';
import { allMetrics } from '../../scripts/metrics.ts';
import { SITE_ROUTES } from '../../services/callback/src/model.ts';
import { CHART, find, type KubernetesObject, needsHelm, podOf, render } from './helm.ts';

const CALLBACK_PATHS = ['/results', '/enroll', ...SITE_ROUTES];

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pressferry-chart-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Renders with values that are not texts and numbers only. */
async function renderWith(values: unknown, ...args: string[]): Promise<KubernetesObject[]> {
  const file = join(folder, 'values.yaml');
  await writeFile(file, JSON.stringify(values));
  return render('--values', file, ...args);
}
const ofKind = (objects: readonly KubernetesObject[], kind: string): KubernetesObject[] =>
  objects.filter((object) => object.kind === kind);
const example = (name: string): string[] => ['--values', join(CHART, 'ci', `${name}-values.yaml`)];

suite('routes', needsHelm, () => {
  const hosts = ['hooks.example.com', 'hooks.example.org'];

  test('an Ingress leads what callback serves to it and everything else to ingress, on every host, with its certificate', async () => {
    const ingress = { enabled: true, className: 'nginx', tlsSecret: 'cert', annotations: { a: 'b' } };
    const [made] = ofKind(await renderWith({ routes: { hosts, ingress } }), 'Ingress');
    assert.deepEqual(made?.metadata.annotations, { a: 'b' });
    const backend = (name: string) => ({ service: { name, port: { name: 'http' } } });
    assert.deepEqual(made?.spec, {
      ingressClassName: 'nginx',
      tls: [{ secretName: 'cert', hosts }],
      rules: hosts.map((host) => ({
        host,
        http: {
          paths: [
            ...CALLBACK_PATHS.map((path) => ({ path, pathType: 'Prefix', backend: backend('pressferry-callback') })),
            { path: '/', pathType: 'Prefix', backend: backend('pressferry-ingress') },
          ],
        },
      })),
    });
  });

  test('an HTTPRoute does the same on its Gateways', async () => {
    const parentRefs = [{ name: 'public', namespace: 'gateways' }];
    const [made] = ofKind(
      await renderWith({ routes: { hosts, httpRoute: { enabled: true, parentRefs } } }),
      'HTTPRoute',
    );
    assert.deepEqual(made?.spec, {
      parentRefs,
      hostnames: hosts,
      rules: [
        {
          matches: CALLBACK_PATHS.map((value) => ({ path: { type: 'PathPrefix', value } })),
          backendRefs: [{ name: 'pressferry-callback', port: 80 }],
        },
        {
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          backendRefs: [{ name: 'pressferry-ingress', port: 80 }],
        },
      ],
    });
  });

  test('a route without a host, or without a Gateway, is refused', async () => {
    await assert.rejects(renderWith({ routes: { ingress: { enabled: true } } }), /routes\.hosts names no host/);
    await assert.rejects(
      renderWith({ routes: { hosts, httpRoute: { enabled: true } } }),
      /parentRefs names no Gateway/,
    );
  });
});

suite('autoscaling', needsHelm, () => {
  test('by CPU makes an autoscaler for each service, and leaves the number of pods to it', async () => {
    const autoscaling = { enabled: true, minReplicas: 3, maxReplicas: 9, targetCPUUtilizationPercentage: 60 };
    const objects = await renderWith(Object.fromEntries(SERVICE_NAMES.map((name) => [name, { autoscaling }])));
    for (const name of SERVICE_NAMES) {
      assert.equal('replicas' in find(objects, 'Deployment', name).spec, false);
      const { spec } = find(objects, 'HorizontalPodAutoscaler', name);
      assert.deepEqual(
        [spec.minReplicas, spec.maxReplicas, spec.scaleTargetRef],
        [3, 9, { apiVersion: 'apps/v1', kind: 'Deployment', name: `pressferry-${name}` }],
      );
      find(objects, 'PodDisruptionBudget', name);
    }
  });

  test('by lag asks for the consumers that the product declares, and for metrics that it has', async () => {
    const objects = await render(...example('keda'));
    const triggers = ofKind(objects, 'ScaledObject').flatMap(
      ({ spec }) => spec.triggers as { type: string; metadata: Record<string, string> }[],
    );
    const consumers = triggers.filter(({ type }) => type === 'nats-jetstream');
    assert.deepEqual(
      consumers.map(({ metadata }) => `${metadata.stream}/${metadata.consumer}`).sort(),
      consumerDefinitions({ shards: 2 })
        .map(({ stream, name }) => `${stream}/${name}`)
        .sort(),
    );
    const declared = new Set((await allMetrics()).map(({ name }) => name));
    const asked = triggers.flatMap(({ metadata }) => (metadata.query === undefined ? [] : selectorsOf(metadata.query)));
    assert.equal(asked.length, 1);
    for (const { metric } of asked) assert.ok(declared.has(metric), metric);
    // One for each Deployment: KEDA makes the autoscaler itself.
    assert.deepEqual(
      ofKind(objects, 'HorizontalPodAutoscaler').map(({ metadata }) => metadata.name),
      ['pressferry-ingress'],
    );
  });

  test('without an address of NATS, or with its bounds crossed, is refused', async () => {
    await assert.rejects(
      renderWith({ enricher: { autoscaling: { enabled: true, keda: { enabled: true } } } }),
      /enricher\.autoscaling\.keda needs natsMonitoringEndpoint/,
    );
    await assert.rejects(
      renderWith({ ingress: { autoscaling: { enabled: true, minReplicas: 5, maxReplicas: 2 } } }),
      /maxReplicas is below/,
    );
  });

  test('replicas: null asks for no number', async () => {
    assert.equal(
      'replicas' in find(await renderWith({ ingress: { replicas: null } }), 'Deployment', 'ingress').spec,
      false,
    );
  });
});

suite('monitors', needsHelm, () => {
  const monitor = {
    enabled: true,
    labels: { release: 'prometheus' },
    scrapeTimeout: '5s',
    relabelings: [{ targetLabel: 'cluster', replacement: 'one' }],
    metricRelabelings: [{ action: 'labeldrop', regex: 'pod' }],
  };

  test('a ServiceMonitor finds the ops port of every service, by a headless Service of its own', async () => {
    const objects = await renderWith({ serviceMonitor: monitor });
    for (const name of SERVICE_NAMES) {
      const { metadata, spec } = find(objects, 'ServiceMonitor', name);
      assert.equal(metadata.labels.release, 'prometheus');
      const { matchLabels } = spec.selector as { matchLabels: Record<string, string> };
      const selected = ofKind(objects, 'Service').filter(({ metadata: service }) =>
        Object.entries(matchLabels).every(([label, value]) => service.labels[label] === value),
      );
      assert.deepEqual(
        selected.map(({ metadata: service }) => service.name),
        [`pressferry-${name}-metrics`],
      );
      assert.equal(selected[0]?.spec.clusterIP, 'None');
      const { enabled: _enabled, labels: _labels, ...scrape } = monitor;
      assert.deepEqual(spec.endpoints, [{ port: 'ops', path: '/metrics', interval: '30s', ...scrape }]);
    }
  });

  test('a PodMonitor takes the same settings', async () => {
    const { spec } = find(await renderWith({ podMonitor: monitor }), 'PodMonitor', 'enricher');
    const { enabled: _enabled, labels: _labels, ...scrape } = monitor;
    assert.deepEqual(spec.podMetricsEndpoints, [{ port: 'ops', path: '/metrics', interval: '30s', ...scrape }]);
  });
});

suite('external secrets', needsHelm, () => {
  test('fill exactly the Secrets and keys that the pods mount', async () => {
    const objects = await render(...example('external-secrets'));
    const filled = ofKind(objects, 'ExternalSecret').flatMap(({ metadata, spec }) =>
      (spec.data as { secretKey: string }[]).map(({ secretKey }) => `${metadata.name}/${secretKey}`),
    );
    const mounted = [...ofKind(objects, 'Deployment'), ...ofKind(objects, 'Job')].flatMap((object) =>
      podOf(object).volumes.flatMap(({ projected }) =>
        (
          (projected as { sources: { secret: { name: string; items: { key: string }[] } }[] } | undefined)?.sources ??
          []
        ).flatMap(({ secret }) => secret.items.map(({ key }) => `${secret.name}/${key}`)),
      ),
    );
    assert.deepEqual(filled.sort(), [...new Set(mounted)].sort());
  });

  test('are refused if they could not work: with a hook, without a store, for nothing', async () => {
    const on = { enabled: true, secretStoreRef: { name: 'vault' }, remote: {} };
    await assert.rejects(renderWith({ externalSecrets: on }), /needs migrations\.mode job/);
    const job = { migrations: { mode: 'job' } };
    await assert.rejects(
      renderWith({ ...job, externalSecrets: { ...on, secretStoreRef: { name: '' } } }),
      /names no store/,
    );
    const remote = { natsUrl: { key: 'x' } };
    await assert.rejects(
      renderWith({ ...job, externalSecrets: { ...on, remote } }),
      /remote\.natsUrl: nothing in these values names a Secret/,
    );
  });
});

suite('the rest', needsHelm, () => {
  test('extra objects are rendered, as YAML and as text with templates in it', async () => {
    const configMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: '{{ .Release.Name }}-extra', labels: {} },
    };
    const objects = await renderWith({
      extraObjects: [
        configMap,
        'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: {{ .Release.Namespace }}-text, labels: {} }\n',
      ],
    });
    const names = objects.map(({ metadata }) => metadata.name);
    assert.ok(names.includes('pressferry-extra') && names.includes('pressferry-text'));
  });

  test('production refuses all at once what is for a trial, and takes the production example', async () => {
    const trial = {
      production: true,
      streams: { replicas: 1 },
      ingress: { replicas: 1, config: { INSECURE: true } },
      callback: { config: { ALLOW_HTTP_CALLBACKS: true } },
      networkPolicy: { enabled: false },
    };
    await assert.rejects(renderWith(trial), (error: Error) => {
      for (const value of [
        'image.repository',
        'streams.replicas',
        'INSECURE',
        'TRUSTED_PROXIES',
        'ALLOW_HTTP_CALLBACKS',
        'networkPolicy.enabled',
        'ingress.replicas',
      ])
        assert.ok(error.message.includes(value), `${value} is not named in ${error.message}`);
      return true;
    });
    const objects = await render(...example('production'));
    for (const name of SERVICE_NAMES) find(objects, 'Deployment', name);
  });
});
