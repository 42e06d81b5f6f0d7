import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { freePort, startTestPostgres, testNatsBinary, waitFor } from '@pressferry/testing';
import { SERVICE_NAMES } from '../../scripts/chart/services.ts';
import { CHART, type Container, find, type KubernetesObject, needsHelm, type PodSpec, podOf, render } from './helm.ts';
import { layOut, type Node, textOf } from './pods.ts';

const VALUES = ['--values', join(CHART, 'ci/quickstart-values.yaml')];
const testPodOf = (objects: readonly KubernetesObject[]): PodSpec =>
  find(objects, 'Pod', 'test').spec as unknown as PodSpec;

/** NATS with the rendered configuration, except for its ports and its folder. */
async function startRenderedNats(objects: readonly KubernetesObject[], folder: string, port: number) {
  const config = find(objects, 'ConfigMap', 'nats').data?.['nats.conf'] ?? '';
  const file = join(folder, 'nats.conf');
  const here = config.replace('port: 4222', `listen: 127.0.0.1:${port}`).replace('http: 8222', '');
  await writeFile(file, here.replace('/data', join(folder, 'nats')));
  const env = { NATS_TOKEN: textOf(find(objects, 'Secret', 'quickstart'))['nats-token'] };
  return stopped(spawn(await testNatsBinary(), ['-c', file], { env, stdio: 'ignore' }));
}

const stopped = (child: ChildProcess): AsyncDisposable => ({
  [Symbol.asyncDispose]: async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  },
});

const isReady = (port: number) => async (): Promise<boolean> =>
  (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok === true;

suite('quickstart', needsHelm, () => {
  test('leads every pod to the NATS and the Postgres that it makes, with keys that are drawn', async () => {
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

  test('runs: its Job, its services and `helm test`, with the variables and files that it renders', async () => {
    await using resources = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'pressferry-quickstart-'));
    resources.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
    const objects = await render(...VALUES);
    const [natsPort, ingressPort, callbackPort] = [await freePort(), await freePort(), await freePort()];
    resources.use(await startRenderedNats(objects, folder, natsPort));
    const postgres = resources.use(await startTestPostgres());
    const { url } = resources.use(await postgres.createDatabase());
    const node: Node = {
      folder,
      objects,
      addresses: {
        'pressferry-nats:4222': `127.0.0.1:${natsPort}`,
        'pressferry-ingress:80': `127.0.0.1:${ingressPort}`,
        'pressferry-callback:80': `127.0.0.1:${callbackPort}`,
        [textOf(find(objects, 'Secret', 'quickstart'))['database-url'] ?? '']: url,
      },
    };
    const migrated = await (await layOut('migrate', podOf(find(objects, 'Job', 'migrate')), node)).run();
    assert.equal(migrated.code, 0, migrated.output);
    const ports: Record<string, number> = { ingress: ingressPort, callback: callbackPort };
    for (const name of SERVICE_NAMES) {
      const pod = await layOut(name, podOf(find(objects, 'Deployment', name)), node);
      const opsPort = await freePort();
      const [container] = pod.containers.main;
      assert.ok(container);
      const child = pod.start(container, { OPS_PORT: String(opsPort), HTTP_PORT: String(ports[name] ?? '') });
      resources.use(stopped(child));
      await waitFor(isReady(opsPort), { what: `${name} to be ready`, timeoutMs: 60_000 }).catch((cause: unknown) => {
        throw new Error(child.output(), { cause });
      });
    }
    const tested = await (await layOut('test', testPodOf(objects), node)).run();
    assert.equal(tested.code, 0, tested.output);
    assert.match(tested.output, /202 accepted[\s\S]*result \S+ of pressferry\.test .*succeeded/);
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
