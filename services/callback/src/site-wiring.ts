import type { AddressInfo } from 'node:net';
import { SITES_BUCKET } from '@pressferry/contracts';
import { type Limiter, memberIdOf, openLimiter, replicasOf } from '@pressferry/limiter';
import {
  type CallbackPolicy,
  type EnrolRequest,
  enrol,
  move,
  noteCopy,
  noteHeartbeat,
  publishSite,
  rotate,
} from '@pressferry/registry';
import { errorFields } from '@pressferry/runtime';
import { createReplayStore } from '@pressferry/sites';
import { buildApi } from './api.ts';
import type { Config } from './config.ts';
import { startPokes } from './loops/pokes.ts';
import type { SiteDeps } from './routes/site.ts';
import { type CallbackDeps, interruptionOf, openTransport, type SharedDeps } from './wiring.ts';

const pokeRule = ({ POKE_SPACING_MS, POKE_AFTER_SILENCE_MS }: Config) => ({
  spacingMs: POKE_SPACING_MS,
  silenceMs: POKE_AFTER_SILENCE_MS,
});

export function openPokes(shared: SharedDeps, deps: CallbackDeps, resources: AsyncDisposableStack): void {
  const { config } = shared;
  const transport = openTransport(shared, deps, resources);
  const rule = pokeRule(config);
  const onInterruption = interruptionOf(shared, 'pokes');
  resources.use(startPokes({ ...shared, transport, rule, allowHttp: config.ALLOW_HTTP_CALLBACKS, onInterruption }));
}

function siteWork(
  { db, keyring, now, config }: SharedDeps,
  policy: CallbackPolicy,
): Pick<SiteDeps, 'rotate' | 'move' | 'heartbeat' | 'copySeen'> {
  return {
    rotate: (siteId, request) => rotate(siteId, request, { db, keyring, now }),
    move: (siteId, request) => move(siteId, request, { db, policy, now }),
    heartbeat: (siteId, said) => noteHeartbeat(db, siteId, said, pokeRule(config)),
    copySeen: (siteId, { homeUrl, report }) => noteCopy(db, siteId, homeUrl, report),
  };
}

const LIMITS_CLUSTER = { bucket: 'callback_members', subject: 'pf.limits.callback' };

/** Joins the limits of polls and enrolments, which all replicas share. */
async function openLimits(
  { config, connection, logger }: SharedDeps,
  resources: AsyncDisposableStack,
): Promise<Limiter> {
  return resources.use(
    await openLimiter(connection, {
      cluster: LIMITS_CLUSTER,
      memberId: memberIdOf(config.HTTP_PORT),
      replicas: await replicasOf(connection.nats, SITES_BUCKET, config.PUBLISH_TIMEOUT_MS),
      onFault: (error) => logger.warn(errorFields(error), 'limiter.interrupted'),
    }),
  );
}

/** Resolves to its URL. */
export async function openApi(shared: SharedDeps, resources: AsyncDisposableStack): Promise<string> {
  const { config } = shared;
  const defaultRate = { perMinute: config.RATE_LIMIT_SITE_PER_MINUTE, burst: config.RATE_LIMIT_SITE_BURST };
  const replay = createReplayStore(shared.connection, shared.publisher);
  const limits = { limiter: await openLimits(shared, resources), defaultRate, allowHs256: config.ALLOW_HS256, replay };
  const { db, keyring, now, connection } = shared;
  const policy = { allowHttp: config.ALLOW_HTTP_CALLBACKS, allowPrivate: config.ALLOW_PRIVATE_ADDRESSES };
  const enrolment = {
    enrol: (request: EnrolRequest) => enrol(request, { db, keyring, policy, now }),
    publish: (siteId: string) => publishSite(db, connection.nats, siteId),
    addresses: { ingressUrl: config.PUBLIC_INGRESS_URL, resultsUrl: config.PUBLIC_RESULTS_URL },
  };
  const api = await buildApi(
    { ...shared, ...limits, ...enrolment, ...siteWork(shared, policy) },
    config.REQUEST_TIMEOUT_MS,
  );
  resources.defer(() => api.close());
  await api.listen({ host: config.HTTP_HOST, port: config.HTTP_PORT });
  const { port } = api.server.address() as AddressInfo;
  return `http://${config.HTTP_HOST === '0.0.0.0' ? '127.0.0.1' : config.HTTP_HOST}:${port}`;
}
