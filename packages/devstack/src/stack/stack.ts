import { consumerDefinitions, STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { type Database, migrate, openDatabase } from '@pressferry/database';
import type { Server } from '@pressferry/embedded';
import { applyStreams, type Connection, openConnection } from '@pressferry/jetstream';
import { publishSites } from '@pressferry/registry';
import { createKeyring, type Keyring } from '@pressferry/runtime';
import { applySitesBucket } from '@pressferry/sites';
import type { Reporter } from '../output/reporter.ts';
import { type DataPaths, dataPaths } from '../paths.ts';
import { removeStackFile, type StackFile, samples, writeStackFile } from './file.ts';
import { chooseLlm, type LlmChoice, SIMULATOR_KEY } from './llm.ts';
import { lockDataDir } from './lock.ts';
import { type Plan, planPorts, urlOf } from './plan.ts';
import { openPorts, type Ports } from './ports.ts';
import { loadSecrets, type Secrets } from './secrets.ts';
import { type Running, runNats, runPostgres, runVendor } from './servers.ts';
import type { ServiceName, Wiring } from './services.ts';
import { provideSite } from './sites.ts';
import { startServices } from './start-services.ts';
import type { Supervised } from './supervise.ts';

export interface StackOptions {
  dataDir: string;
  replicas?: Partial<Record<ServiceName, number>>;
  /** Override the variables that the stack gives a service. */
  serviceEnv?: Partial<Record<ServiceName, Record<string, string>>>;
  /** Source of real vendors' keys and the children's PATH. */
  env: NodeJS.ProcessEnv;
  reporter: Reporter;
  signal: AbortSignal;
  /** Called when a part of the stack is given up. */
  fail: (error: Error) => void;
  /** Called before anything runs, once ingress' address is fixed. */
  onPlanned?: (plan: StackPlan) => void;
}

export interface StackPlan {
  ingressUrl: string;
  secrets: Secrets;
  paths: DataPaths;
  ports: Ports;
}

/** Stops in reverse order: services first finish what they have in flight. */
export interface Stack extends AsyncDisposable {
  readonly file: StackFile;
  readonly secrets: Secrets;
  readonly nats: Server;
  readonly postgres: Server;
  /** By name: `vendor`, `ingress`, `ingress-2`, `enricher`, … */
  readonly processes: ReadonlyMap<string, Server>;
  readonly db: Database;
  readonly connection: Connection;
  readonly keyring: Keyring;
  readonly simulatesLlm: boolean;
  setCallbackUrl: (siteId: string, callbackUrl: string | null) => Promise<void>;
  /** SIGKILL. */
  kill: () => Promise<void>;
}

/** On 127.0.0.1. Writes `stack.json`; resolves once every service is ready. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { reporter } = options;
  const paths = dataPaths(options.dataDir);
  await using opened = new AsyncDisposableStack();
  opened.use(await lockDataDir(paths));
  await removeStackFile(paths.stack);
  const secrets = await loadSecrets(paths);
  const ports = await openPorts(paths.ports);
  const plan = await planPorts(ports, options.replicas ?? {});
  options.onPlanned?.({ ingressUrl: plan.ingressUrls[0] ?? '', secrets, paths, ports });
  const supervised = new Map<string, Supervised>();
  const running: Running = { ...options, paths, secrets, ports, opened, supervised };

  const servers = await runServers(running);
  const prepared = await prepare(servers, running);
  const llm = await chooseLlm(options.env, servers.vendor.url);
  await startServices(plan, wiringOf(servers, llm, running), running);
  reporter.say(llm.description);
  const described = await describeStack(plan, servers, prepared.registry, running);

  const owned = opened.move();
  return {
    get file() {
      return described.file;
    },
    secrets,
    nats: servers.nats,
    postgres: servers.postgres,
    processes: new Map([...supervised].map(([name, { server }]) => [name, server])),
    db: prepared.db,
    connection: prepared.connection,
    keyring: prepared.registry.keyring,
    simulatesLlm: llm.isSimulated,
    setCallbackUrl: described.setCallbackUrl,
    kill: async () => {
      for (const one of supervised.values()) one.kill();
      await removeStackFile(paths.stack);
    },
    [Symbol.asyncDispose]: () =>
      reporter.step(
        'stopping',
        () => owned.disposeAsync(),
        () => 'all of it',
      ),
  };
}

interface Servers {
  postgres: Server;
  nats: Server;
  vendor: Server;
  natsUrl: string;
}

async function runServers(running: Running): Promise<Servers> {
  const starting = [runPostgres(running), runNats(running), runVendor(running)] as const;
  // All, even if one fails: none may start behind the disposal's back.
  await Promise.allSettled(starting);
  const [postgres, nats, vendor] = await Promise.all(starting);
  running.signal.throwIfAborted();
  return { postgres, nats, vendor, natsUrl: nats.url.replace('//', `//${running.secrets.natsToken}@`) };
}

interface Registry {
  db: Database;
  nats: Connection['nats'];
  keyring: Keyring;
}

async function prepare({ postgres, natsUrl }: Servers, { opened, reporter, secrets }: Running) {
  const db = opened.use(
    openDatabase({ url: postgres.url, applicationName: 'pressferry-up', onError: () => undefined }),
  );
  await reporter.step(
    'database schema',
    () => migrate(db),
    (applied) => (applied.length === 0 ? 'up to date' : `${applied.length} migrations applied`),
  );
  const connection = opened.use(await openConnection({ url: natsUrl, name: 'pressferry-up' }));
  await reporter.step(
    'streams and consumers',
    () => applyAll(connection),
    (count) => `${count} declared`,
  );
  const registry: Registry = { db, nats: connection.nats, keyring: createKeyring(secrets.sealingKeys) };
  await reporter.step(
    'sites',
    async () => {
      for (const site of secrets.sites) await provideSite(registry, site, null);
      await publishSites(db, connection.nats);
    },
    () => secrets.sites.map(({ siteId }) => siteId).join(', '),
  );
  return { db, connection, registry };
}

const wiringOf = ({ natsUrl, postgres, vendor }: Servers, llm: LlmChoice, { env, secrets }: Running): Wiring => ({
  natsUrl,
  postgresUrl: postgres.url,
  sealingKeys: secrets.sealingKeys,
  llmEnv: llm.env,
  crmEnv: { CRM_BASE_URL: env.CRM_BASE_URL || vendor.url, CRM_API_KEY: env.CRM_API_KEY || SIMULATOR_KEY },
});

/** Keeps `stack.json` current, and removes it at the stop. */
async function describeStack(plan: Plan, servers: Servers, registry: Registry, running: Running) {
  const { paths, ports, secrets, opened } = running;
  let file: StackFile = {
    ingressUrl: plan.ingressUrls[0] ?? '',
    ingressUrls: plan.ingressUrls,
    callbackUrl: plan.callbackUrl,
    natsUrl: servers.natsUrl,
    postgresUrl: servers.postgres.url,
    vendorUrl: servers.vendor.url,
    opsUrls: Object.fromEntries(plan.services.map(({ name, opsPort }) => [name, urlOf(opsPort)])),
    sites: secrets.sites.map(({ publicKeyPem: _public, privateKeyPem: _private, ...site }) => ({
      ...site,
      callbackUrl: null,
    })),
    samples: samples(),
  };
  await Promise.all([writeStackFile(paths.stack, file), ports.save()]);
  opened.defer(() => removeStackFile(paths.stack));
  return {
    get file() {
      return file;
    },
    setCallbackUrl: async (siteId: string, callbackUrl: string | null): Promise<void> => {
      const site = secrets.sites.find((one) => one.siteId === siteId);
      if (site === undefined) throw new Error(`there is no site ${siteId}`);
      await provideSite(registry, site, callbackUrl);
      file = { ...file, sites: file.sites.map((one) => (one.siteId === siteId ? { ...one, callbackUrl } : one)) };
      await writeStackFile(paths.stack, file);
    },
  };
}

async function applyAll(connection: Connection): Promise<number> {
  const { shards } = STREAM_DEFAULTS;
  const applied = await applyStreams(
    connection.nats,
    streamDefinitions(STREAM_DEFAULTS),
    consumerDefinitions({ shards }),
  );
  await applySitesBucket(connection.nats, 1);
  return applied.length + 1;
}
