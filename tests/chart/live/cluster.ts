import { execFile, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findTool, type KubernetesObject, ROOT } from '../helm.ts';

const BUFFER = 32_000_000;
const kubectlPath = findTool('kubectl');
const helmPath = findTool('helm');

/** Why these tests cannot run here; undefined if they can. */
export async function missing(): Promise<string | undefined> {
  if (helmPath === undefined) return 'helm is not installed: go install helm.sh/helm/v4/cmd/helm@v4.3.1';
  if (kubectlPath === undefined) return 'kubectl is not installed';
  if (!process.env.KUBECONFIG)
    return 'KUBECONFIG names no cluster: a kube-apiserver with etcd is enough, without nodes. Namespaces pressferry-live-* are made in it and removed';
  const answer = await promisify(execFile)(kubectlPath, ['version', '--request-timeout=5s']).catch(
    (error: Error) => error,
  );
  return answer instanceof Error ? `the cluster of KUBECONFIG does not answer: ${answer.message}` : undefined;
}

/** Runs a command on the cluster; rejects with what it printed. `input` is its stdin. */
async function run(
  path: string | undefined,
  args: string[],
  input?: string,
): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(path ?? '', args, { cwd: ROOT, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  child.stdin.end(input ?? '');
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`${args.slice(0, 3).join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return { stdout, stderr };
}

export const kubectl = (args: string[], input?: string) => run(kubectlPath, args, input);
export const helm = (args: string[]) => run(helmPath, args);

/** Objects of a namespace. */
export async function list(namespace: string, kinds: string): Promise<KubernetesObject[]> {
  const { stdout } = await kubectl(['-n', namespace, 'get', kinds, '-o', 'json', '--ignore-not-found']);
  return stdout.trim() === '' ? [] : (JSON.parse(stdout) as { items: KubernetesObject[] }).items;
}

/** A namespace that admits only pods of the "restricted" standard; disposing removes it. */
export async function makeNamespace(name: string): Promise<AsyncDisposable> {
  const labels = Object.fromEntries(
    ['enforce', 'warn', 'audit'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']),
  );
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
  await kubectl(['apply', '-f', '-'], JSON.stringify(namespace));
  // Without controllers a namespace stays "Terminating"; its objects are what must not be left over.
  return { [Symbol.asyncDispose]: async () => void (await kubectl(['delete', 'namespace', name, '--wait=false'])) };
}

/** Kinds that the chart can make and a bare API server does not know. */
const CUSTOM: readonly [group: string, version: string, kind: string, plural: string][] = [
  ['monitoring.coreos.com', 'v1', 'PodMonitor', 'podmonitors'],
  ['monitoring.coreos.com', 'v1', 'ServiceMonitor', 'servicemonitors'],
  ['monitoring.coreos.com', 'v1', 'PrometheusRule', 'prometheusrules'],
  ['keda.sh', 'v1alpha1', 'ScaledObject', 'scaledobjects'],
  ['external-secrets.io', 'v1', 'ExternalSecret', 'externalsecrets'],
  ['gateway.networking.k8s.io', 'v1', 'HTTPRoute', 'httproutes'],
];

/** Declares those kinds that the cluster does not have, as objects of any form. Gives the names of those that it made. */
export async function declareCustomKinds(): Promise<string[]> {
  const { stdout } = await kubectl(['get', 'customresourcedefinitions', '-o', 'name']);
  const absent = CUSTOM.filter(([group, , , plural]) => !stdout.includes(`${plural}.${group}`));
  for (const [group, version, kind, plural] of absent) {
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}`, annotations: { 'api-approved.kubernetes.io': 'unapproved, for tests' } },
      spec: {
        group,
        scope: 'Namespaced',
        names: { kind, plural, singular: kind.toLowerCase() },
        versions: [{ name: version, served: true, storage: true, schema }],
      },
    };
    await kubectl(['apply', '-f', '-'], JSON.stringify(definition));
    await kubectl(['wait', '--for=condition=Established', `crd/${plural}.${group}`, '--timeout=30s']);
  }
  return absent.map(([group, , , plural]) => `${plural}.${group}`);
}

/** Ends Jobs and test pods of a namespace, as a node would after success. */
export interface Stand extends AsyncDisposable {
  /** `kind/name` of what was ended, with its containers. */
  ended: Map<string, string[]>;
}

interface PodLike {
  spec: { initContainers?: { name: string }[]; containers: { name: string }[] };
}

const POLL_MS = 300;

/** Stands in for Job controller and kubelet: no container runs; what was admitted is marked as having succeeded. */
export function standInForNodes(namespace: string): Stand {
  const stop = new AbortController();
  const ended = new Map<string, string[]>();
  const names = ({ spec }: PodLike): string[] =>
    [...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name);
  const round = async (): Promise<void> => {
    const now = new Date().toISOString();
    for (const object of await list(namespace, 'jobs,pods')) {
      const { kind, metadata } = object;
      const key = `${kind}/${metadata.name}/${(metadata as { uid?: string }).uid}`;
      if (ended.has(key)) continue;
      const pod = (kind === 'Job' ? object.spec.template : object) as PodLike;
      const of = (type: string) => ({ type, status: 'True', lastProbeTime: now, lastTransitionTime: now });
      const status =
        kind === 'Job'
          ? {
              startTime: now,
              completionTime: now,
              succeeded: 1,
              conditions: [of('SuccessCriteriaMet'), of('Complete')],
            }
          : { phase: 'Succeeded' };
      const patch = JSON.stringify({ status });
      await kubectl([
        '-n',
        namespace,
        'patch',
        kind,
        metadata.name,
        '--subresource=status',
        '--type=merge',
        '-p',
        patch,
      ]);
      ended.set(key, names(pod));
    }
  };
  const loop = (async () => {
    while (!stop.signal.aborted) {
      // An object may be removed between the two calls.
      await round().catch(() => undefined);
      await delay(POLL_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    ended,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await loop;
    },
  };
}

/** A folder with the chart of the release before: of the commit before its present version. Undefined if the history does not reach so far. */
export async function previousChart(folder: string): Promise<string | undefined> {
  const git = async (...args: string[]) =>
    (await promisify(execFile)('git', args, { cwd: ROOT, maxBuffer: BUFFER })).stdout.trim();
  const [commit] = (await git('log', '--format=%h', '-G^version:', '--', 'charts/pressferry/Chart.yaml')).split('\n');
  if (commit === undefined || commit === '') return undefined;
  const before = await git('rev-parse', '--verify', `${commit}^`).catch(() => undefined);
  if (before === undefined) return undefined;
  await promisify(execFile)('sh', ['-c', `git archive ${before} charts/pressferry | tar -x -C "$1"`, 'sh', folder], {
    cwd: ROOT,
  });
  return `${folder}/charts/pressferry`;
}
