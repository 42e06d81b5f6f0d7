import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

export const ROOT = join(import.meta.dirname, '../..');
export const CHART = join(ROOT, 'charts/pressferry');

/** A Kubernetes object as far as the tests look into it. */
export interface KubernetesObject {
  kind: string;
  metadata: { name: string; namespace?: string; labels: Record<string, string>; annotations?: Record<string, string> };
  spec: Record<string, unknown>;
  data?: Record<string, string>;
  stringData?: Record<string, string>;
}

export interface Container {
  name: string;
  command: string[];
  env?: { name: string; value: string }[];
  securityContext: Record<string, unknown>;
  lifecycle?: { preStop: { sleep: { seconds: number } } };
}

export interface PodSpec {
  automountServiceAccountToken: boolean;
  terminationGracePeriodSeconds: number;
  securityContext: Record<string, unknown>;
  initContainers?: Container[];
  containers: Container[];
  volumes: Record<string, unknown>[];
}

/** The path of an executable: of this repository's cache, of Go's, or of the PATH; undefined if there is none. */
export function findTool(name: string): string | undefined {
  const folders = [
    join(ROOT, '.pressferry/cache/bin'),
    ...(process.env.PATH ?? '').split(':'),
    join(homedir(), 'go/bin'),
  ];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const helm = findTool('helm');

/** Options of a test that needs Helm: its reason to be skipped, if there is none. */
export const needsHelm = {
  skip: helm === undefined && 'helm is not installed: go install helm.sh/helm/v4/cmd/helm@v4.3.1',
};

/** Runs Helm and gives its output; rejects with what it printed if it fails. */
export async function runHelm(args: string[]): Promise<string> {
  if (helm === undefined) throw new Error('helm is not installed');
  const { stdout } = await promisify(execFile)(helm, args, { cwd: ROOT, maxBuffer: 16_000_000 });
  return stdout;
}

/** What `helm template` makes of the chart, as text. */
export const renderText = (...args: string[]): Promise<string> =>
  runHelm(['template', 'pressferry', CHART, '--namespace', 'pressferry', ...args]);

/** What `helm template` makes of the chart, as objects. Throws for a key that is written twice, which the API server would refuse. */
export async function render(...args: string[]): Promise<KubernetesObject[]> {
  return parseAllDocuments(await renderText(...args))
    .map((document) => {
      for (const error of document.errors) throw error;
      return document.toJS() as KubernetesObject | null;
    })
    .filter((object) => object !== null);
}

/** The one object of a kind and component; throws if there is none. */
export function find(objects: readonly KubernetesObject[], kind: string, component: string): KubernetesObject {
  const found = objects.find(
    (object) => object.kind === kind && object.metadata.labels['app.kubernetes.io/component'] === component,
  );
  if (found === undefined) throw new Error(`no ${kind} of ${component} was rendered`);
  return found;
}

/** The pod that a Deployment or Job makes. */
export const podOf = ({ spec }: KubernetesObject): PodSpec => (spec.template as { spec: PodSpec }).spec;

export function envOf(deployment: KubernetesObject): Record<string, string> {
  const entries = podOf(deployment).containers.flatMap(({ env = [] }) => env.map(({ name, value }) => [name, value]));
  return Object.fromEntries(entries);
}
