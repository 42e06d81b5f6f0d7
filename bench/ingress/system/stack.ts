import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { type Server, startNats } from '@pressferry/embedded';
import { applyStreams, type Connection, openConnection } from '@pressferry/jetstream';
import { applySitesBucket, markPublished, putSite } from '@pressferry/sites';
import { benchSite } from '../load/site.ts';
import { type Replica, startIngress } from './ingress.ts';

/** What a scenario runs against. */
export interface StackShape {
  replicas: number;
  /** `sync_interval: always`: the server calls fsync before each acknowledgement. */
  syncAlways: boolean;
  shards?: number;
  /** Variables of each replica, in addition to those of every benchmark. */
  env?: Readonly<Record<string, string>>;
}

/** A fresh nats-server with the product's streams and one site, and so many replicas of ingress. */
export interface Stack extends AsyncDisposable {
  nats: Server;
  connection: Connection;
  replicas: Replica[];
  ports: number[];
  /** For `startUsage`. */
  pids: { ingress: number[]; nats: number[] };
}

export interface StackDeps {
  natsBinary: string;
  /** On a real disk, or fsync costs nothing. */
  dir: string;
  /** Arguments for each replica's node. */
  ingressArgv?: readonly string[];
}

let stacks = 0;

/** Starts a stack; disposing ends it and removes its store. */
export async function startStack(shape: StackShape, deps: StackDeps): Promise<Stack> {
  const dir = join(deps.dir, `stack-${++stacks}`);
  await mkdir(dir, { recursive: true });
  const { shards = 1, env = {} } = shape;
  await using opened = new AsyncDisposableStack();
  opened.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const nats = opened.use(
    await startNats({ binary: deps.natsBinary, storeDir: join(dir, 'nats'), syncAlways: shape.syncAlways }),
  );
  const connection = opened.use(await openConnection({ url: nats.url, name: 'bench' }));
  await applyStreams(connection.nats, streamDefinitions({ ...STREAM_DEFAULTS, shards }), []);
  const { sealingKeys, record } = benchSite();
  const bucket = await applySitesBucket(connection.nats, 1);
  await putSite(bucket, record);
  await markPublished(bucket);
  const replicas: Replica[] = [];
  for (let number = 0; number < shape.replicas; number++) {
    const execArgv = deps.ingressArgv ?? [];
    replicas.push(opened.use(await startIngress({ natsUrl: nats.url, sealingKeys, shards, dir, execArgv, env })));
  }
  const resources = opened.move();
  return {
    nats,
    connection,
    replicas,
    ports: replicas.map(({ port }) => port),
    pids: { ingress: replicas.map(({ pid }) => pid), nats: [nats.pid] },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
