// A separate process, because a checkout's code must find its own packages. Prepares database, streams and sites by
// that checkout's commands, and prints how it starts its services. Reads a `ProvideOrder` from stdin.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

export interface ProvideOrder {
  /** With its packages installed. */
  root: string;
  natsUrl: string;
  /** As the owner of the tables. */
  ownerUrl: string;
  /** As the services connect. */
  serviceUrl: string;
  sealingKeys: string;
  sites: ProvidedSite[];
}

export interface ProvidedSite {
  siteId: string;
  issuer: string;
  audience: string;
  kid: string;
  publicKeyPem: string;
  hmacSecret: string;
  callbackUrl: string;
}

/** As that checkout's `up` makes it, without ports and inherited variables. */
export type Provided = Record<'ingress' | 'enricher' | 'callback', Record<string, string>>;

const order = JSON.parse(await text(process.stdin)) as ProvideOrder;
const { root, natsUrl, ownerUrl, serviceUrl, sealingKeys, sites } = order;
// Before 0.3 both were in one package.
const [admin, devstack] = existsSync(join(root, 'packages/admin'))
  ? ['packages/admin', 'packages/devstack']
  : ['packages/cli', 'packages/cli'];
const load = <T>(path: string): Promise<T> => import(join(root, path)) as Promise<T>;

const env = { PATH: process.env.PATH, DATABASE_URL: ownerUrl, NATS_URL: natsUrl, SEALING_KEYS: sealingKeys };
const run = promisify(execFile);
const cli = (...args: string[]) => run(process.execPath, [join(root, admin, 'src/main.ts'), ...args], { env });
await Promise.all([cli('migrate'), cli('streams', 'apply')]);

type Sites = {
  provideSite: (registry: object, site: Omit<ProvidedSite, 'callbackUrl'>, callbackUrl: string) => Promise<void>;
};
type Services = { serviceEnv: (name: keyof Provided, wiring: object) => Record<string, string> };
const [{ provideSite }, { serviceEnv }, database, jetstream, runtime] = await Promise.all([
  load<Sites>(`${devstack}/src/stack/sites.ts`),
  load<Services>(`${devstack}/src/stack/services.ts`),
  load<{ openDatabase: (options: object) => { destroy: () => Promise<void> } }>('packages/database/src/index.ts'),
  load<{ openConnection: (options: object) => Promise<{ nats: object } & AsyncDisposable> }>(
    'packages/jetstream/src/index.ts',
  ),
  load<{ createKeyring: (keys: string) => object }>('packages/runtime/src/index.ts'),
]);
const db = database.openDatabase({ url: ownerUrl, applicationName: 'provide' });
const connection = await jetstream.openConnection({ url: natsUrl, name: 'provide' });
const registry = { db, nats: connection.nats, keyring: runtime.createKeyring(sealingKeys) };
for (const { callbackUrl, ...site } of sites) await provideSite(registry, site, callbackUrl);
await connection[Symbol.asyncDispose]();
await db.destroy();

const wiring = { natsUrl, postgresUrl: serviceUrl, sealingKeys, llmEnv: {}, crmEnv: {} };
const provided: Provided = {
  ingress: serviceEnv('ingress', wiring),
  enricher: serviceEnv('enricher', wiring),
  callback: serviceEnv('callback', wiring),
};
console.log(JSON.stringify(provided));
