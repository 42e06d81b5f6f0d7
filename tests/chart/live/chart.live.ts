// `make chart-test-live`: Helm's life cycle on a real API server. It has no nodes, so no container runs: Jobs and test pods are admitted,
// and then marked as having succeeded. tests/operations/quickstart.test.ts runs their containers.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { CHART, type KubernetesObject, render } from '../helm.ts';
import {
  declareCustomKinds,
  helm,
  kubectl,
  list,
  makeNamespace,
  missing,
  previousChart,
  standInForNodes,
} from './cluster.ts';

const needed = await missing();
if (needed !== undefined) {
  console.error(`make chart-test-live needs a cluster: ${needed}`);
  process.exit(2);
}

const RELEASE = 'pressferry';
/** Every kind that the chart can make. */
const KINDS =
  'deployments,statefulsets,jobs,pods,services,configmaps,secrets,serviceaccounts,networkpolicies,poddisruptionbudgets,' +
  'horizontalpodautoscalers,ingresses,podmonitors,servicemonitors,prometheusrules,scaledobjects,externalsecrets,httproutes';
const SECRETS: Record<string, string[]> = {
  'pressferry-sealing-keys': ['keys'],
  'pressferry-database': ['url'],
  'pressferry-nats': ['nats.creds'],
  'pressferry-vendors': ['anthropic', 'hubspot'],
};
const examples = (await readdir(join(CHART, 'ci'))).map((file) => file.replace('-values.yaml', '')).toSorted();
const valuesOf = (example: string, chart = CHART): string[] => [
  '--values',
  join(chart, 'ci', `${example}-values.yaml`),
];

const resources = new AsyncDisposableStack();
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pressferry-live-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  const made = await declareCustomKinds();
  if (made.length > 0) console.log(`declared here, as objects of any form: ${made.join(', ')}`);
});
after(() => resources.disposeAsync());

/** A namespace with the Secrets and the ConfigMap that an operator makes, and with something in place of nodes. */
async function world(name: string, needsAutomations = false) {
  const namespace = `pressferry-live-${name}-${Date.now().toString(36)}`;
  await using parts = new AsyncDisposableStack();
  parts.use(await makeNamespace(namespace));
  for (const [secret, keys] of Object.entries(SECRETS)) {
    const literals = keys.map((key) => `--from-literal=${key}=text`);
    await kubectl(['-n', namespace, 'create', 'secret', 'generic', secret, ...literals]);
  }
  // Named by the production example; elsewhere the chart makes one of this name.
  const automations = ['create', 'configmap', 'pressferry-automations', '--from-literal=none.yaml=automations: []'];
  if (needsAutomations) await kubectl(['-n', namespace, ...automations]);
  await kubectl(['create', 'namespace', 'monitoring', '--dry-run=client', '-o', 'yaml']).then(({ stdout }) =>
    kubectl(['apply', '-f', '-'], stdout),
  );
  const nodes = parts.use(standInForNodes(namespace));
  const owned = parts.move();
  const of = async (command: string[]): Promise<string> => {
    const { stdout, stderr } = await helm([...command, '-n', namespace]);
    assert.doesNotMatch(stderr.replaceAll(LINE_OF_CLIENT, ''), /violate PodSecurity|warning/i, stderr);
    return stdout;
  };
  return { namespace, nodes, of, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** What Helm's client tells of its own watches; the API server's warnings have another form. */
const LINE_OF_CLIENT = /^[IWE]\d{4} \S+ +\d+ \S+\.go:\d+\].*$/gm;

const isOurs = ({ metadata }: KubernetesObject): boolean =>
  metadata.labels?.['app.kubernetes.io/instance'] === RELEASE || metadata.name.startsWith('sh.helm.release');
const left = async (namespace: string): Promise<string[]> => [
  ...(await list(namespace, KINDS)).filter(isOurs).map(({ kind, metadata }) => `${kind}/${metadata.name}`),
  ...(await list('monitoring', 'configmaps')).filter(isOurs).map(({ metadata }) => `monitoring/${metadata.name}`),
];

/** The Jobs' pods and the Deployments' are not made here: sent to the API server as pods, they are admitted or not. */
async function admitPods(namespace: string, values: string[]): Promise<number> {
  const objects = await render(...values);
  const pods = objects.flatMap(({ kind, metadata, spec }) => {
    if (!['Deployment', 'StatefulSet', 'Job'].includes(kind)) return [];
    const { spec: pod } = spec.template as { spec: Record<string, unknown> };
    const restartPolicy = kind === 'Job' ? 'Never' : 'Always';
    const volumes = [
      ...((pod.volumes as unknown[]) ?? []),
      ...(kind === 'StatefulSet' ? [{ name: 'data', emptyDir: {} }] : []),
    ];
    return [
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: metadata.name, namespace },
        spec: { ...pod, restartPolicy, volumes },
      },
    ];
  });
  for (const pod of pods)
    await kubectl(['create', '--dry-run=server', '--validate=strict', '-f', '-'], JSON.stringify(pod));
  return pods.length;
}

for (const example of examples) {
  suite(`ci/${example}-values.yaml`, () => {
    test('installs, is tested, upgrades, rolls back and leaves nothing behind', async () => {
      await using here = await world(example, example === 'production');
      const { namespace, of, nodes } = here;
      await of(['install', RELEASE, CHART, ...valuesOf(example), '--timeout', '90s']);
      assert.ok((await admitPods(namespace, valuesOf(example))) >= 4);
      await of(['test', RELEASE, '--timeout', '60s']);
      const ran = [...nodes.ended].map(([key, containers]) => [key.split('/')[0], containers.join(' ')]);
      assert.ok(
        ran.some(([kind, containers]) => kind === 'Job' && containers === 'migrate streams sites'),
        String(ran),
      );
      assert.ok(
        ran.some(([kind, containers]) => kind === 'Pod' && containers === 'site send'),
        String(ran),
      );
      await of([
        'upgrade',
        RELEASE,
        CHART,
        ...valuesOf(example),
        '--set',
        'image.tag=next,image.digest=',
        '--timeout',
        '90s',
      ]);
      const images = async () =>
        (await list(namespace, 'deployments')).map(({ spec }) => JSON.stringify(spec).match(/"image":"([^"]+)"/)?.[1]);
      assert.ok((await images()).every((image) => image?.endsWith(':next')));
      await of(['rollback', RELEASE, '1', '--timeout', '90s']);
      assert.ok((await images()).every((image) => !image?.endsWith(':next')));
      await of(['uninstall', RELEASE, '--timeout', '90s']);
      const remaining = (await left(namespace)).filter((name) => !name.startsWith('Pod/'));
      assert.deepEqual(remaining, []);
    });
  });
}

suite('the release before', () => {
  test('upgrades to this one and back, without a pod that is not admitted', async (t) => {
    const previous = await previousChart(folder);
    if (previous === undefined) return t.skip('the history of this checkout does not hold its chart');
    for (const example of ['dev', 'production']) {
      await using here = await world(`before-${example}`, example === 'production');
      const { namespace, of } = here;
      await of(['install', RELEASE, previous, ...valuesOf(example, previous), '--timeout', '90s']);
      const selectors = async () =>
        (await list(namespace, 'deployments')).map(({ metadata, spec }) => [metadata.name, spec.selector]);
      const before_ = await selectors();
      assert.equal(before_.length, 3);
      await of(['upgrade', RELEASE, CHART, ...valuesOf(example), '--timeout', '90s']);
      assert.deepEqual(await selectors(), before_);
      await of(['rollback', RELEASE, '1', '--timeout', '90s']);
      await of(['uninstall', RELEASE, '--timeout', '90s']);
      assert.deepEqual(
        (await left(namespace)).filter((name) => !name.startsWith('Pod/')),
        [],
      );
    }
  });
});

suite('a cluster that changes', () => {
  test('a changed Secret replaces the pods that mount it with the next upgrade, and no others', async () => {
    await using here = await world('secret', true);
    const { namespace, of } = here;
    const upgrade = () => of(['upgrade', '--install', RELEASE, CHART, ...valuesOf('production'), '--timeout', '90s']);
    const templates = async () =>
      Object.fromEntries(
        (await list(namespace, 'deployments')).map(({ metadata, spec }) => [
          metadata.name,
          JSON.stringify(spec.template),
        ]),
      );
    await upgrade();
    const first = await templates();
    await upgrade();
    assert.deepEqual(await templates(), first);
    await kubectl([
      '-n',
      namespace,
      'patch',
      'secret',
      'pressferry-vendors',
      '--type=merge',
      '-p',
      '{"stringData":{"anthropic":"other"}}',
    ]);
    await upgrade();
    const now = await templates();
    const changed = Object.keys(now).filter((name) => now[name] !== first[name]);
    assert.deepEqual(changed, ['pressferry-enricher']);
  });

  test('values that would be written twice are refused before anything is installed', async () => {
    await using here = await world('twice');
    const { namespace, of } = here;
    for (const set of [
      'ingress.extraEnv[0].name=NATS_URL,ingress.extraEnv[0].value=x',
      'commonLabels.app\\.kubernetes\\.io/name=x',
      'production=true,quickstart.enabled=true',
    ]) {
      await assert.rejects(of(['install', RELEASE, CHART, '--set', set, '--timeout', '60s']));
      assert.deepEqual(await left(namespace), []);
    }
  });

  test('replicas: null keeps the pods that there are', async () => {
    await using here = await world('replicas');
    const { namespace, of } = here;
    const upgrade = (replicas: string) =>
      of([
        'upgrade',
        '--install',
        RELEASE,
        CHART,
        ...valuesOf('dev'),
        '--set',
        `ingress.replicas=${replicas}`,
        '--timeout',
        '90s',
      ]);
    await upgrade('6');
    await upgrade('null');
    const deployments = await list(namespace, 'deployments');
    assert.equal(deployments.find(({ metadata }) => metadata.name === 'pressferry-ingress')?.spec.replicas, 6);
  });
});
