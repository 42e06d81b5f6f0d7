import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@pressferry/testing';
import { SEALING_KEYS, type World } from './world.ts';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** A real process of enricher. Disposing kills it. */
export interface SpawnedEnricher extends AsyncDisposable {
  child: ChildProcess;
  /** Resolves to its exit code; null after a signal. */
  exited: Promise<number | null>;
  opsUrl: string;
  output: () => string;
}

/** Runs the service as `npm start` does; resolves once it says that it has started, or has ended. */
export async function spawnEnricher(
  world: World,
  yaml: string,
  env: Record<string, string> = {},
  nodeOptions: readonly string[] = [],
): Promise<SpawnedEnricher> {
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-process-'));
  const file = join(folder, `${randomUUID()}.yaml`);
  await writeFile(file, yaml);
  const args = ['--import', '@pressferry/runtime/telemetry', ...nodeOptions, 'src/main.ts'];
  const child = spawn(process.execPath, args, {
    cwd: PACKAGE,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      NATS_URL: world.natsUrl,
      DATABASE_URL: world.databaseUrl,
      SEALING_KEYS,
      AUTOMATIONS_FILE: file,
      AUTOMATIONS_ANY_DATA: 'true',
      OPS_HOST: '127.0.0.1',
      OPS_PORT: '0',
      LLM_BASE_URL: `${world.vendors.url}/v1`,
      LLM_API_KEY: 'k',
      LLM_MODEL: 'simulated-1',
      CRM_BASE_URL: world.vendors.url,
      CRM_API_KEY: 'k',
      ...env,
    },
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const opsUrl = (): string | undefined => /"ops_url":"([^"]+)"/.exec(output)?.[1];
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  // One that is left alive would keep its test file from ending.
  await using starting = new AsyncDisposableStack();
  starting.defer(end);
  await waitFor(() => opsUrl() ?? hasEnded(), { what: 'enricher to start', timeoutMs: 60_000 });
  starting.move();
  return {
    ...{ child, exited, opsUrl: opsUrl() ?? '', output: () => output },
    [Symbol.asyncDispose]: end,
  };
}
