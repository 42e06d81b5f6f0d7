// Rehearses docs/guides/install.md.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, startTestPostgres, testNatsBinary, waitFor } from '@pressferry/testing';
import { SERVICE_NAMES } from '../../scripts/chart/services.ts';
import { CHART, find, type KubernetesObject, needsHelm, type PodSpec, podOf, render } from '../chart/helm.ts';
import { layOut, type Node, textOf } from '../chart/pods.ts';

const VALUES = ['--values', join(CHART, 'ci/quickstart-values.yaml')];

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

test(
  'the quickstart of the chart runs: its Job, its services and `helm test`, with the variables and files that it renders',
  needsHelm,
  async () => {
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
    const tested = await (await layOut('test', find(objects, 'Pod', 'test').spec as unknown as PodSpec, node)).run();
    assert.equal(tested.code, 0, tested.output);
    assert.match(tested.output, /202 accepted[\s\S]*result \S+ of pressferry\.test .*succeeded/);
  },
);
