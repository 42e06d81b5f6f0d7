import { execFileSync } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type JourneyService,
  type JourneyStack,
  type JourneyStackOptions,
  journeySites,
  startJourneyStack,
} from '@pressferry/testing/journey';
import { round } from '../ingress/measure/statistics.ts';
import type { Lab } from './lab.ts';
import { type DatabaseMeter, meterSettings, openMeter } from './measure/postgres.ts';
import { treeMemoryMb } from './measure/processes.ts';

/** A checkout whose services are measured. */
export interface Variant {
  name: string;
  root: string;
  commit: string;
}

/** How a stack is put together. */
export interface Shape {
  sites: number;
  /** Of enricher and of callback. */
  replicas: number;
  /** nats-server calls fsync before each acknowledgement. */
  syncAlways: boolean;
}

export interface SubjectOptions {
  shape: Shape;
  variant: Variant;
  lab: Lab;
  replicas?: Partial<Record<JourneyService, number>>;
  nodeArgs?: Partial<Record<JourneyService, readonly string[]>>;
  timePlanning?: boolean;
  kept?: JourneyStackOptions['kept'];
}

/** A running stack with everything that measuring it needs. */
export interface Subject extends AsyncDisposable {
  stack: JourneyStack;
  lab: Lab;
  meter: DatabaseMeter;
  /** The roots of the stack's process trees by name; those of the lab apart. */
  pids: { stack: Record<string, number>; lab: Record<string, number> };
  memoryMb: () => Record<string, number>;
  natsBytes: () => Promise<number>;
  /** Events of earlier phases. */
  proven: Set<string>;
}

let stacks = 0;

export async function startSubject(options: SubjectOptions): Promise<Subject> {
  const { shape, variant, lab, nodeArgs = {}, timePlanning = false } = options;
  await using opened = new AsyncDisposableStack();
  const stack = opened.use(
    await startJourneyStack({
      root: variant.root,
      dir: join(lab.dir, `stack-${++stacks}`),
      sites: journeySites(shape.sites),
      callbackUrl: (siteId) => `${lab.sink.callbackBase}${siteId}`,
      vendorUrl: lab.vendor.url,
      replicas: { enricher: shape.replicas, callback: shape.replicas, ...options.replicas },
      syncAlways: shape.syncAlways,
      postgresSettings: meterSettings(timePlanning),
      nodeArgs,
      ...(options.kept === undefined ? {} : { kept: options.kept }),
    }),
  );
  const meter = opened.use(await openMeter(stack.postgres.url));
  const services = [...stack.services.values()].map(({ name, pid }) => [name, pid] as const);
  const pids = {
    stack: { postgres: stack.postgres.pid, nats: stack.nats.pid, ...Object.fromEntries(services) },
    lab: { generator: lab.generator.pid, sink: lab.sink.pid, vendor: lab.vendor.pid },
  };
  const resources = opened.move();
  return {
    stack,
    lab,
    meter,
    pids,
    memoryMb: () => Object.fromEntries(Object.entries(pids.stack).map(([name, pid]) => [name, treeMemoryMb(pid)])),
    natsBytes: () => sizeOf(stack.natsDir),
    proven: new Set(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function sizeOf(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The commit of a checkout, with a mark if files differ from it. */
export function describeCheckout(root: string): string {
  const git = (...args: string[]): string => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' and changes'}`;
  } catch {
    return 'unknown';
  }
}

/** Figures by service, its replicas together: `enricher-2` counts as enricher. */
export function byService(figures: Readonly<Record<string, number>>): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, value] of Object.entries(figures)) {
    const service = name.replace(/-\d+$/, '');
    sums[service] = round((sums[service] ?? 0) + value, 3);
  }
  return sums;
}
