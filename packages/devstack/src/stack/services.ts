import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_DIR, ROOT } from '../paths.ts';

/** In the order in which they stop: input ends, then work, then output. */
export const SERVICES = ['ingress', 'enricher', 'callback'] as const;
export type ServiceName = (typeof SERVICES)[number];

export interface Wiring {
  natsUrl: string;
  postgresUrl: string;
  sealingKeys: string;
  llmEnv: Record<string, string>;
  crmEnv: Record<string, string>;
}

const LOOPBACK = '127.0.0.0/8,::1/128';
/** Time for work in flight at the end, ms. */
export const GRACE_MS = 10_000;

/** Never the whole environment: a vendor's key is for the enricher alone. */
const INHERITED =
  /^(PATH|HOME|TZ|LANG|LC_.*|LOG_LEVEL|OTEL_.*|NODE_EXTRA_CA_CERTS|NODE_COMPILE_CACHE|SSL_CERT_(FILE|DIR)|(HTTPS?|NO)_PROXY)$/i;

/** Includes Node's compile cache: children start in a third of the time. */
export const inheritedEnv = (env: NodeJS.ProcessEnv): Record<string, string> => ({
  NODE_COMPILE_CACHE: join(CACHE_DIR, 'compile'),
  ...Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => INHERITED.test(entry[0]) && entry[1] !== undefined,
    ),
  ),
});

/** Without its ports and what it inherits. */
export function serviceEnv(name: ServiceName, wiring: Wiring): Record<string, string> {
  const common = { NATS_URL: wiring.natsUrl, SEALING_KEYS: wiring.sealingKeys, SHUTDOWN_GRACE_MS: String(GRACE_MS) };
  if (name === 'ingress')
    return { ...common, INSECURE: 'true', TRUSTED_PROXIES: LOOPBACK, RATE_LIMIT_IP_EXEMPT: LOOPBACK };
  const stateful = { ...common, DATABASE_URL: wiring.postgresUrl };
  if (name === 'callback') return { ...stateful, ALLOW_PRIVATE_ADDRESSES: 'true', ALLOW_HTTP_CALLBACKS: 'true' };
  const automations = join(ROOT, 'config/automations/demo.yaml');
  return { ...stateful, AUTOMATIONS_FILE: automations, ...wiring.llmEnv, ...wiring.crmEnv };
}

/** Throws if the service cannot be started from there. */
export function serviceFolder(name: ServiceName): string {
  const folder = join(ROOT, 'services', name);
  if (!existsSync(join(folder, 'src/main.ts'))) throw new Error(`services/${name}/src/main.ts is missing`);
  return folder;
}

/** `ingress`, `ingress-2`, … */
export const replicaNames = (name: ServiceName, count: number): string[] =>
  Array.from({ length: count }, (_, index) => (index === 0 ? name : `${name}-${index + 1}`));
