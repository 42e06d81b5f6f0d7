import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@pressferry/embedded';
import { startTestNats, startTestPostgres, waitFor } from '@pressferry/testing';
import { parse } from 'yaml';

export const ROOT = join(import.meta.dirname, '../..');
export const COMPOSE_FILE = join(ROOT, 'compose.yaml');

interface Service {
  command?: string[];
  environment?: Record<string, string>;
}
interface Compose {
  services: Record<string, Service>;
  configs: Record<string, { content: string }>;
}

/** What `.env` holds after the two lines at the top of compose.yaml. */
export const ENV_FILE: Readonly<Record<string, string>> = {
  SEALING_KEYS: `main:${Buffer.alloc(32, 7).toString('base64')}`,
  POSTGRES_PASSWORD: 'x',
};

/** Reads compose.yaml with the variables of `.env` put in, as Compose does: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `$$`. */
export function readCompose(env: Readonly<Record<string, string>> = ENV_FILE): Compose {
  let text = readFileSync(COMPOSE_FILE, 'utf8');
  // Twice: a default may name another variable.
  for (let depth = 0; depth < 2; depth++)
    text = text.replaceAll(
      /\$\{(\w+)(?::?-([^{}]*)|:\?[^{}]*)?\}/g,
      (_, name: string, otherwise = '') => env[name] ?? otherwise,
    );
  return parse(text.replaceAll('$$', '$'), { merge: true }) as Compose;
}

/** The services of compose.yaml as processes of this machine, on servers of their own. */
export interface ComposeStack {
  compose: Compose;
  databaseUrl: string;
  natsUrl: string;
  /** Of ingress, enricher, callback: `http://127.0.0.1:<port>`. */
  http: Record<string, string>;
  environment: (service: string) => Record<string, string>;
  /** Runs a command in the environment of a service, as `docker compose exec` does; it must end with 0. */
  exec: (service: string, args: string[], env?: Record<string, string>) => Promise<string>;
}

/** Runs the jobs and the services with the commands and variables that compose.yaml gives them; only addresses are other ones. */
export async function startCompose(
  opened: AsyncDisposableStack,
  { env, addresses = {} }: { env?: Record<string, string>; addresses?: Record<string, string> } = {},
): Promise<ComposeStack> {
  const compose = readCompose({ ...ENV_FILE, ...env });
  const nats = opened.use(await startTestNats());
  const postgres = opened.use(await startTestPostgres());
  const database = opened.use(await postgres.createDatabase());
  const vendorPort = await freePort();
  const ports = Object.fromEntries(
    await Promise.all(['ingress', 'enricher', 'callback'].map(async (name) => [name, await freePort()] as const)),
  );
  const here: Record<string, string> = {
    'nats://nats:4222': nats.url,
    'http://vendors:8090': `http://127.0.0.1:${vendorPort}`,
    'http://ingress:8080': `http://127.0.0.1:${ports.ingress}`,
    'http://callback:8080': `http://127.0.0.1:${ports.callback}`,
    '/app/': `${ROOT}/`,
    ...addresses,
  };
  const environment = (service: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(compose.services[service]?.environment ?? {}).map(([name, value]) => [
        name,
        name === 'DATABASE_URL'
          ? database.url
          : Object.entries(here).reduce((text, [there, address]) => text.replace(there, address), String(value)),
      ]),
    );
  const { PATH = '', NODE_COMPILE_CACHE } = process.env;
  const common = { PATH, ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) };
  const start = (service: string, more: Record<string, string>, args: string[] = []): ChildProcess => {
    const command = compose.services[service]?.command ?? [];
    return spawn(process.execPath, ['--import', '@pressferry/runtime/telemetry', ...command, ...args], {
      cwd: ROOT,
      env: { ...common, ...environment(service), ...more },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  };
  for (const job of ['migrate', 'streams', 'sites']) {
    const [code] = await once(start(job, {}), 'exit');
    if (code !== 0) throw new Error(`${job} of compose.yaml ended with ${code}`);
  }
  const keep = (child: ChildProcess): void =>
    opened.defer(async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    });
  // Its own flag beats the one that is there already.
  keep(start('vendors', {}, ['--host', '127.0.0.1', '--port', String(vendorPort)]));
  const ops: [string, string][] = [];
  for (const [service, port] of Object.entries(ports)) {
    const opsPort = await freePort();
    ops.push([service, `http://127.0.0.1:${opsPort}`]);
    keep(start(service, { HTTP_PORT: String(port), OPS_PORT: String(opsPort), LOG_LEVEL: 'silent' }));
  }
  for (const [service, url] of ops) {
    const isReady = async () => {
      const answer = await fetch(`${url}/readyz`);
      if (!answer.ok) throw new Error(await answer.text());
      return true;
    };
    await waitFor(isReady, { what: `${service} to be ready`, timeoutMs: 60_000, everyMs: 100 });
  }
  return {
    compose,
    databaseUrl: database.url,
    natsUrl: nats.url,
    http: Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `http://127.0.0.1:${port}`])),
    environment,
    exec: async (service, args, more = {}) => {
      const options = { cwd: ROOT, env: { ...common, ...environment(service), ...more } };
      return (await promisify(execFile)(process.execPath, args, options)).stdout;
    },
  };
}
