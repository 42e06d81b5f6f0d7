import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Container, type KubernetesObject, type PodSpec, ROOT } from './helm.ts';

/** A machine that stands in for a node: it runs the containers of our image as processes, with the variables and files that the chart gives. */
export interface Node {
  /** Where volumes lie. */
  folder: string;
  /** Secrets and ConfigMaps of the namespace. */
  objects: readonly KubernetesObject[];
  /** What a name of the cluster is here: `{ 'pressferry-nats:4222': '127.0.0.1:41234' }`. */
  addresses: Readonly<Record<string, string>>;
}

interface Mounted extends Container {
  args?: string[];
  volumeMounts?: { name: string; mountPath: string }[];
}

interface Source {
  secret?: { name?: string; secretName?: string; items?: { key: string; path: string }[] };
  configMap?: { name: string; items?: { key: string; path: string }[] };
}

interface Volume extends Source {
  name: string;
  projected?: { sources: Source[] };
}

/** A pod whose volumes lie on this machine. */
export interface Pod {
  containers: { init: Mounted[]; main: Mounted[] };
  /** Starts a container; `env` goes before what the chart gives. */
  start: (container: Mounted, env?: Record<string, string>) => ChildProcess & { output: () => string };
  /** Runs init containers and containers to their ends, one after the other; resolves to the first exit code that is not 0, and all output. */
  run: () => Promise<{ code: number; output: string }>;
}

export async function layOut(name: string, spec: PodSpec, node: Node): Promise<Pod> {
  const folders = new Map<string, string>();
  for (const volume of spec.volumes as unknown as Volume[]) {
    const folder = join(node.folder, name, volume.name);
    await mkdir(folder, { recursive: true });
    for (const source of volume.projected?.sources ?? [volume]) await writeSource(folder, source, node);
    folders.set(volume.name, folder);
  }
  const here = (text: string, { volumeMounts = [] }: Mounted): string => {
    // In one pass, because a folder of this machine may look like a mount path.
    const paths = new Map(
      volumeMounts.map(({ name: volume, mountPath }) => [mountPath, folders.get(volume) ?? mountPath]),
    );
    const longestFirst = [...paths.keys()]
      .toSorted((a, b) => b.length - a.length)
      .map((path) => path.replaceAll('.', '\\.'));
    const mounted =
      longestFirst.length === 0
        ? text
        : text.replaceAll(new RegExp(longestFirst.join('|'), 'g'), (path) => paths.get(path) ?? path);
    return withAddresses(mounted, node);
  };
  const start: Pod['start'] = (container, env = {}) => {
    const [program = '', ...args] = [...container.command, ...(container.args ?? [])].map((text) =>
      here(text, container),
    );
    const given = (container.env ?? []).map(({ name: variable, value }) => [variable, here(value ?? '', container)]);
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    const child = spawn(program === 'node' ? process.execPath : program, args, {
      cwd: ROOT,
      env: { PATH, NODE_COMPILE_CACHE, ...Object.fromEntries(given), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    return Object.assign(child, { output: () => output });
  };
  const containers = { init: (spec.initContainers ?? []) as Mounted[], main: spec.containers as Mounted[] };
  const run: Pod['run'] = async () => {
    let output = '';
    for (const container of [...containers.init, ...containers.main]) {
      const child = start(container);
      const [code] = await once(child, 'close');
      output += child.output();
      if (code !== 0) return { code: Number(code ?? 1), output };
    }
    return { code: 0, output };
  };
  return { containers, start, run };
}

async function writeSource(folder: string, { secret, configMap }: Source, node: Node): Promise<void> {
  const wanted = secret ?? configMap;
  if (wanted === undefined) return;
  const name = wanted.name ?? secret?.secretName ?? '';
  const kind = secret === undefined ? 'ConfigMap' : 'Secret';
  const object = node.objects.find((one) => one.kind === kind && one.metadata.name === name);
  if (object === undefined) throw new Error(`the ${kind} ${name} is not there`);
  const data = textOf(object);
  for (const { key, path } of wanted.items ?? Object.keys(data).map((one) => ({ key: one, path: one }))) {
    const text = data[key];
    if (text === undefined) throw new Error(`the ${kind} ${name} has no key ${key}`);
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), withAddresses(text, node));
  }
}

/** The texts of a Secret or ConfigMap, as a pod reads them. */
export function textOf({ kind, data = {}, stringData = {} }: KubernetesObject): Record<string, string> {
  const decode = (text: string): string => (kind === 'Secret' ? Buffer.from(text, 'base64').toString('utf8') : text);
  const decoded = Object.entries(data).map(([key, text]) => [key, decode(text)]);
  return { ...Object.fromEntries(decoded), ...stringData };
}

function withAddresses(text: string, { addresses }: Node): string {
  return Object.entries(addresses).reduce((done, [name, address]) => done.replaceAll(name, address), text);
}
