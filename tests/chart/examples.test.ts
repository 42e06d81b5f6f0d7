import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { testNatsBinary } from '@pressferry/testing';
import { parse, parseAllDocuments } from 'yaml';
import { find, type KubernetesObject, needsHelm, podOf, ROOT, render } from './helm.ts';

const FOLDER = join(ROOT, 'k8s/examples');
const text = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const objects = (name: string): KubernetesObject[] =>
  parseAllDocuments(text(name)).map((document) => document.toJS() as KubernetesObject);

test('each example of k8s/ is in the table of its README, and is YAML', async () => {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.yaml'));
  for (const name of names) {
    assert.ok(text('README.md').includes(`(${name})`), name);
    for (const document of parseAllDocuments(text(name))) assert.deepEqual(document.errors, []);
  }
});

test('the chart reads the Secret that CloudNativePG makes for its example', needsHelm, async () => {
  const [cluster] = objects('postgres.yaml');
  assert.equal(cluster?.kind, 'Cluster');
  const secret = `${cluster?.metadata.name}-app`;
  const rendered = await render('--set', `database.existingSecret.name=${secret},database.existingSecret.key=uri`);
  assert.match(
    JSON.stringify(podOf(find(rendered, 'Deployment', 'callback'))),
    /"name":"postgres-app","items":\[\{"key":"uri"/,
  );
});

test(
  'the egress policy selects the pods that the chart makes, and the store and the certificate are those of its examples',
  needsHelm,
  async () => {
    const [policy] = objects('static-egress.yaml');
    const selectors = policy?.spec.selectors as {
      podSelector: { matchExpressions: { key: string; values: string[] }[] };
    }[];
    const rendered = await render();
    for (const name of ['enricher', 'callback']) {
      const { labels } = (find(rendered, 'Deployment', name).spec.template as KubernetesObject).metadata;
      for (const { key, values } of selectors[0]?.podSelector.matchExpressions ?? [])
        assert.ok(values.includes(labels[key] ?? ''), key);
    }
    const values = parse(readFileSync(join(ROOT, 'charts/pressferry/ci/external-secrets-values.yaml'), 'utf8'));
    const [store] = objects('external-secrets.yaml');
    assert.deepEqual(values.externalSecrets.secretStoreRef, { kind: store?.kind, name: store?.metadata.name });
    const [issuer, certificate] = objects('certificate.yaml');
    assert.equal(values.routes.ingress.annotations['cert-manager.io/cluster-issuer'], issuer?.metadata.name);
    assert.deepEqual(
      [values.routes.ingress.tlsSecret, values.routes.hosts],
      [certificate?.spec.secretName, certificate?.spec.dnsNames],
    );
  },
);

test('the NATS of the example has what the product needs: three servers, and files', () => {
  const { config } = parse(text('nats-values.yaml'));
  assert.deepEqual([config.cluster.replicas, config.jetstream.fileStore.pvc.enabled], [3, true]);
});

test('nats-server takes the configuration of the example as its chart writes it, with room for the largest event', async () => {
  const { config, container } = parse(text('nats-values.yaml'));
  // The chart writes JSON, and takes the quotes from what stands in brackets.
  const written = JSON.stringify(config.merge, null, 2).replaceAll(/"<< (.*?) >>"/g, '$1');
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-nats-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'nats.conf'), written);
  const passwords = Object.fromEntries(Object.keys(container.env).map((name) => [name, 'a-password']));
  const check = promisify(execFile)(await testNatsBinary(), ['-t', '-c', join(folder, 'nats.conf')], {
    env: passwords,
  });
  await assert.doesNotReject(check);
  const [, megabytes] = /max_payload": (\d+)MB/.exec(written) ?? [];
  assert.ok(Number(megabytes) * 1_000_000 >= 357_792);
});

test('KEDA asks the monitoring port of the example under its headless Service, the only one that has it and a name for each server', () => {
  const { config } = parse(text('nats-values.yaml'));
  const { enricher, callback } = parse(readFileSync(join(ROOT, 'charts/pressferry/ci/keda-values.yaml'), 'utf8'));
  assert.equal(config.monitor.enabled, true);
  for (const { autoscaling } of [enricher, callback])
    assert.equal(autoscaling.keda.natsMonitoringEndpoint, `nats-headless.nats.svc:${config.monitor.port}`);
});

test(
  'the chart takes the values of the example, and the guide of installation makes each Secret and ConfigMap that its pods mount',
  needsHelm,
  async () => {
    const rendered = await render('-f', join(FOLDER, 'pressferry-values.yaml'));
    const text = JSON.stringify(rendered.filter(({ kind }) => kind === 'Deployment' || kind === 'Job'));
    const named = (kind: string): Set<string> =>
      new Set([...text.matchAll(new RegExp(`"${kind}":{"name":"([^"]+)"`, 'g'))].map(([, name = '']) => name));
    const guide = readFileSync(join(ROOT, 'docs/guides/install.md'), 'utf8');
    const made = (kind: string): string[] =>
      [...guide.matchAll(new RegExp(`kubectl -n pressferry create ${kind} ([a-z-]+)`, 'g'))].map(
        ([, name = '']) => name,
      );
    const [cluster] = objects('postgres.yaml');
    const secrets = [...named('secret'), ...named('secretKeyRef')];
    assert.ok(secrets.length >= 4, secrets.join());
    for (const secret of secrets)
      assert.ok([...made('secret generic'), `${cluster?.metadata.name}-app`].includes(secret), secret);
    for (const map of named('configMap')) assert.ok(made('configmap').includes(map), map);
    const { container } = parse(readFileSync(join(FOLDER, 'nats-values.yaml'), 'utf8'));
    for (const { valueFrom } of Object.values(container.env) as {
      valueFrom: { secretKeyRef: { name: string; key: string } };
    }[])
      assert.match(
        guide,
        new RegExp(`secret generic ${valueFrom.secretKeyRef.name} .*--from-literal=${valueFrom.secretKeyRef.key}=`),
      );
  },
);
