import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createLatch } from '@pressferry/testing';
import { BASE_ENV } from './world.ts';

/** Ingress as it runs in production: `src/main.ts` in its own process, telemetry preloaded. */
export interface RealProcess extends AsyncDisposable {
  child: ChildProcess;
  apiUrl: string;
  opsUrl: string;
  /** What it logged so far, parsed. */
  lines: Record<string, unknown>[];
  /** Sends SIGTERM; resolves to its exit code. */
  stop: () => Promise<number | null>;
}

const SERVICE = fileURLToPath(new URL('..', import.meta.url));

function launch(env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, ['--import', '@pressferry/runtime/telemetry', 'src/main.ts'], {
    cwd: SERVICE,
    env: { PATH: process.env.PATH ?? '', ...BASE_ENV, LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Starts the process and waits until it listens. */
export async function startProcess(env: Record<string, string>): Promise<RealProcess> {
  const child = launch(env);
  const lines: Record<string, unknown>[] = [];
  const started = createLatch<Record<string, unknown>>('ingress to start');
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
    const line = JSON.parse(text) as Record<string, unknown>;
    lines.push(line);
    if (line.msg === 'service.started') started.open(line);
  });
  (child.stderr as NodeJS.ReadableStream).pipe(process.stderr);
  const exited = once(child, 'close') as Promise<[number | null]>;
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null) child.kill('SIGTERM');
    const [code] = await exited;
    return code;
  };
  try {
    const { api_url: apiUrl, ops_url: opsUrl } = await started.wait(60_000);
    return {
      ...{ child, lines, stop, apiUrl: String(apiUrl), opsUrl: String(opsUrl) },
      [Symbol.asyncDispose]: async () => void (await stop()),
    };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** Runs a process that is to end by itself; resolves to its exit code and what it wrote to stderr. */
export async function runToEnd(env: Record<string, string>): Promise<{ code: number | null; stderr: string }> {
  const child = launch(env);
  let stderr = '';
  (child.stderr as NodeJS.ReadableStream).on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}
