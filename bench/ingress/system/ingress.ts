import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '@pressferry/embedded';
import { NODE_ARGS } from '@pressferry/runtime';
import { UNREACHED_LIMIT_PER_MINUTE } from '../load/site.ts';

/** One running ingress process. */
export interface Replica extends AsyncDisposable {
  pid: number;
  port: number;
  opsUrl: string;
}

export interface ReplicaOptions {
  natsUrl: string;
  sealingKeys: string;
  shards: number;
  /** Its log goes here. */
  dir: string;
  /** Further arguments for node, such as `--cpu-prof`. */
  execArgv?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

const SERVICE_DIR = fileURLToPath(new URL('../../../services/ingress', import.meta.url));
const READY_TIMEOUT_MS = 20_000;

/** Starts ingress as it is deployed: own process, logs at info to a file, metrics on, limits enforced but out of reach, traces off. */
export async function startIngress(options: ReplicaOptions): Promise<Replica> {
  const port = await freePort();
  const opsPort = await freePort();
  const logFile = join(options.dir, `ingress-${port}.jsonl`);
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, [...NODE_ARGS, ...(options.execArgv ?? []), 'src/main.ts'], {
    cwd: SERVICE_DIR,
    stdio: ['ignore', log, log],
    env: environment(options, port, opsPort),
  });
  closeSync(log);
  const killWithParent = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithParent);
  const exited = once(child, 'exit');
  const replica: Replica = {
    pid: child.pid ?? 0,
    port,
    opsUrl: `http://127.0.0.1:${opsPort}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
      process.off('exit', killWithParent);
    },
  };
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  await untilReady(replica.opsUrl, isRunning).catch(async (cause: unknown) => {
    if (isRunning()) await replica[Symbol.asyncDispose]();
    throw new Error(`ingress did not start; it said:\n${readFileSync(logFile, 'utf8').slice(-4_000)}`, { cause });
  });
  return replica;
}

function environment(options: ReplicaOptions, port: number, opsPort: number): Record<string, string> {
  const limit = String(UNREACHED_LIMIT_PER_MINUTE);
  return {
    PATH: process.env.PATH ?? '',
    LOG_LEVEL: 'info',
    NATS_URL: options.natsUrl,
    SEALING_KEYS: options.sealingKeys,
    EVENTS_SHARDS: String(options.shards),
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: String(port),
    OPS_HOST: '127.0.0.1',
    OPS_PORT: String(opsPort),
    INSECURE: 'true',
    RATE_LIMIT_IP_PER_MINUTE: limit,
    RATE_LIMIT_IP_BURST: limit,
    RATE_LIMIT_SITE_PER_MINUTE: limit,
    RATE_LIMIT_SITE_BURST: limit,
    ...options.env,
  };
}

async function untilReady(opsUrl: string, isRunning: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    if (!isRunning()) throw new Error('it exited');
    const answer = await fetch(`${opsUrl}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await delay(50);
  }
  throw new Error(`it was not ready within ${READY_TIMEOUT_MS} ms`);
}
