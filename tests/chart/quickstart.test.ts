import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { SERVICE_NAMES } from '../../scripts/chart/services.ts';
import { CHART, type Container, find, type KubernetesObject, needsHelm, type PodSpec, podOf, render } from './helm.ts';
import { textOf } from './pods.ts';

const VALUES = ['--values', join(CHART, 'ci/quickstart-values.yaml')];
const testPodOf = (objects: readonly KubernetesObject[]): PodSpec =>
  find(objects, 'Pod', 'test').spec as unknown as PodSpec;

suite('quickstart', needsHelm, () => {
  test('leads every pod to the NATS and the Postgres that it makes, with keys that are generated', async () => {
    const objects = await render(...VALUES);
    const secret = textOf(find(objects, 'Secret', 'quickstart'));
    assert.match(secret['sealing-keys'] ?? '', /^quickstart:[A-Za-z0-9+/]{43}=$/);
    assert.equal(secret['nats-url'], `nats://${secret['nats-token']}@pressferry-nats:4222`);
    assert.notDeepEqual(secret, textOf(find(await render(...VALUES), 'Secret', 'quickstart')));
    for (const name of ['nats', 'postgres'])
      for (const kind of ['StatefulSet', 'Service', 'NetworkPolicy']) find(objects, kind, name);
    for (const name of [...SERVICE_NAMES, 'migrate'])
      assert.match(
        JSON.stringify(podOf(find(objects, name === 'migrate' ? 'Job' : 'Deployment', name))),
        /-quickstart/,
      );
    // A hook would run before them.
    assert.equal(find(objects, 'Job', 'migrate').metadata.annotations?.['helm.sh/hook'], undefined);
  });

  test('makes only pods that the "restricted" Pod Security Standard admits, and so does the test', async () => {
    const objects = await render(...VALUES);
    const specs = objects.filter(({ kind }) => kind === 'StatefulSet').map(podOf);
    assert.equal(specs.length, 2);
    for (const pod of [...specs, testPodOf(objects)]) {
      assert.equal(pod.automountServiceAccountToken, false);
      assert.equal(pod.securityContext.runAsNonRoot, true);
      assert.deepEqual(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' });
      for (const { securityContext } of [...(pod.initContainers ?? []), ...pod.containers] satisfies Container[]) {
        assert.equal(securityContext.allowPrivilegeEscalation, false);
        assert.equal(securityContext.readOnlyRootFilesystem, true);
        assert.deepEqual(securityContext.capabilities, { drop: ['ALL'] });
      }
    }
  });

  test('is refused in production, in words, and leaves nothing behind that is switched off', async () => {
    await assert.rejects(
      render(...VALUES, '--set', 'production=true'),
      /quickstart\.enabled makes one NATS and one Postgres, each kept once: for a trial only/,
    );
    const kinds = (await render()).map(({ kind }) => kind);
    assert.ok(!kinds.includes('StatefulSet') && !kinds.includes('Secret'));
  });
});

suite('helm test', needsHelm, () => {
  test('sends through the proxy if the chart knows its host, and past it otherwise', async () => {
    const urls = async (...args: string[]) => {
      const command = testPodOf(await render(...args)).containers[0]?.command ?? [];
      return ['--url=', '--results-url='].map((flag) =>
        command.find((text) => text.startsWith(flag))?.slice(flag.length),
      );
    };
    assert.deepEqual(await urls(), ['http://pressferry-ingress:80', 'http://pressferry-callback:80']);
    const routed = ['--set', 'routes.hosts={hooks.example.com},routes.ingress.enabled=true'];
    assert.deepEqual(await urls(...routed), ['https://hooks.example.com', 'https://hooks.example.com']);
    assert.equal((await urls(...routed, '--set', 'tests.url=https://other.example'))[0], 'https://other.example');
  });

  test('may reach the services if their clients are listed, and can be left out', async () => {
    const objects = await render('--values', join(CHART, 'ci/production-values.yaml'));
    for (const name of ['ingress', 'callback'])
      assert.match(
        JSON.stringify(find(objects, 'NetworkPolicy', name).spec),
        /"podSelector":\{"matchLabels":\{[^}]*"app\.kubernetes\.io\/component":"test"/,
      );
    const without = await render('--set', 'tests.enabled=false');
    assert.equal(without.filter(({ kind }) => kind === 'Pod').length, 0);
  });
});
