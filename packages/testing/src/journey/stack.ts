import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Exit, freePort, resolveNatsServer, type Server, startNats, startPostgres } from '@pressferry/embedded';
import { CACHE_DIR } from '../folders.ts';
import type { Provided, ProvideOrder } from './provide.ts';
import { makeServiceRole } from './role.ts';
import { type ServiceProcess, startService } from './service.ts';
import type { JourneySite } from './sites.ts';

export const JOURNEY_SERVICES = ['ingress', 'enricher', 'callback'] as const;
export type JourneyService = (typeof JOURNEY_SERVICES)[number];

export interface JourneyStackOptions {
  /** The checkout, with its packages installed. */
  root: string;
  /** On a real disk, passable for other OS users; data and logs stay there. */
  dir: string;
  sites: readonly JourneySite[];
  callbackUrl: (siteId: string) => string;
  vendorUrl: string;
  replicas?: Partial<Record<JourneyService, number>>;
  /** Fsync before each acknowledgement, as the embedded server does by default. */
  syncAlways?: boolean;
  postgresSettings?: Record<string, string>;
  /** Another place of Postgres' data than in `dir`, perhaps of an earlier stack, whose sealing keys it needs. */
  kept?: { postgresDir: string; sealingKeys: string };
  /** Override the variables that `up` gives a service. */
  serviceEnv?: Partial<Record<JourneyService, Record<string, string>>>;
  nodeArgs?: Partial<Record<JourneyService, readonly string[]>>;
  /** The services' role, which owns no table. */
  ownRole?: string;
  keepUp?: boolean;
  onEnd?: (name: string, exit: Exit) => void;
}

/** Postgres, nats-server and a checkout's services, each a process, as `up` runs them. */
export interface JourneyStack extends AsyncDisposable {
  postgres: Server;
  nats: Server;
  natsDir: string;
  /** By name: `ingress`, `enricher`, `enricher-2`, … */
  services: ReadonlyMap<string, ServiceProcess>;
  ingressPorts: number[];
}

/** Memory settings of Node, as `up` sets them. */
const NODE_ARGS = ['--max-semi-space-size=8', '--no-allocation-site-pretenuring'];
const AUTOMATIONS = fileURLToPath(new URL('./automation.yaml', import.meta.url));

export const newSealingKeys = (): string => `journey:${randomBytes(32).toString('base64')}`;

/** Disposal stops services first and leaves the files. */
export async function startJourneyStack(options: JourneyStackOptions): Promise<JourneyStack> {
  const { dir, root, syncAlways = true, postgresSettings = {} } = options;
  await using opened = new AsyncDisposableStack();
  const natsDir = join(dir, 'nats');
  const logs = join(dir, 'logs');
  await mkdir(logs, { recursive: true });
  const settings = { max_connections: '200', ...postgresSettings };
  const postgres = opened.use(
    await startPostgres({ dataDir: options.kept?.postgresDir ?? join(dir, 'postgres'), settings }),
  );
  const binary = await resolveNatsServer({ cacheDir: CACHE_DIR });
  const nats = opened.use(await startNats({ binary, storeDir: natsDir, syncAlways }));
  const serviceUrl =
    options.ownRole === undefined ? postgres.url : await makeServiceRole(postgres.url, options.ownRole);
  const provided = await provide({
    root,
    natsUrl: nats.url,
    ownerUrl: postgres.url,
    serviceUrl,
    sealingKeys: options.kept?.sealingKeys ?? newSealingKeys(),
    sites: options.sites.map(({ siteId, issuer, audience, kid, publicKeyPem, hmacSecret }) => {
      return { siteId, issuer, audience, kid, publicKeyPem, hmacSecret, callbackUrl: options.callbackUrl(siteId) };
    }),
  });
  const services = new Map<string, ServiceProcess>();
  // Disposed in reverse: ingress goes first.
  for (const service of JOURNEY_SERVICES.toReversed()) {
    const count = options.replicas?.[service] ?? 1;
    const names = Array.from({ length: count }, (_, at) => (at === 0 ? service : `${service}-${at + 1}`));
    await Promise.all(
      names.map(async (name) => services.set(name, opened.use(await start(service, name, provided, options)))),
    );
  }
  const resources = opened.move();
  return {
    postgres,
    nats,
    natsDir,
    services,
    ingressPorts: [...services.values()].flatMap(({ name, httpPort }) =>
      name.startsWith('ingress') && httpPort !== undefined ? [httpPort] : [],
    ),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function start(
  service: JourneyService,
  name: string,
  provided: Provided,
  options: JourneyStackOptions,
): Promise<ServiceProcess> {
  const httpPort = service === 'enricher' ? undefined : await freePort();
  const opsPort = await freePort();
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE } = process.env;
  return startService({
    name,
    cwd: join(options.root, 'services', service),
    args: [
      ...NODE_ARGS,
      ...(options.nodeArgs?.[service] ?? []),
      '--import',
      '@pressferry/runtime/telemetry',
      'src/main.ts',
    ],
    env: {
      PATH,
      HOME,
      ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }),
      ...provided[service],
      OPS_HOST: '127.0.0.1',
      OPS_PORT: String(opsPort),
      ...(httpPort === undefined ? {} : { HTTP_HOST: '127.0.0.1', HTTP_PORT: String(httpPort) }),
      ...(service === 'ingress' ? { RATE_LIMIT_SITE_PER_MINUTE: '0' } : {}),
      ...(service === 'enricher' ? { AUTOMATIONS_FILE: AUTOMATIONS, JOURNEY_VENDOR_URL: options.vendorUrl } : {}),
      ...options.serviceEnv?.[service],
    },
    httpPort,
    opsPort,
    logFile: join(options.dir, 'logs', `${name}.jsonl`),
    keepUp: options.keepUp ?? false,
    ...(options.onEnd === undefined ? {} : { onEnd: options.onEnd }),
  });
}

/** The checkout prepares database, streams and sites; resolves to its services' environments. */
async function provide(order: ProvideOrder): Promise<Provided> {
  const script = fileURLToPath(new URL('./provide.ts', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(JSON.stringify(order));
  const exit = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  if (code !== 0) throw new Error(`${order.root} could not be prepared:\n${errors}`);
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Provided;
}
