import { type CallbackPolicy, move, noteCopy, noteHeartbeat, rotate } from '@pressferry/registry';
import { createResolve } from '@pressferry/worker';
import type { Config } from './config.ts';
import { createTransport } from './http/transport.ts';
import { startPokes } from './loops/pokes.ts';
import { type CallbackDeps, interruptionOf, type Parts } from './parts.ts';
import type { SiteDeps } from './routes/site.ts';

const pokeRule = ({ POKE_SPACING_MS, POKE_AFTER_SILENCE_MS }: Config) => ({
  spacingMs: POKE_SPACING_MS,
  silenceMs: POKE_AFTER_SILENCE_MS,
});

/** Starts the waking of sites that are behind. */
export function openPokes(parts: Parts, deps: CallbackDeps, resources: AsyncDisposableStack): void {
  const { config } = parts;
  const transport = resources.use(
    createTransport({
      allowPrivate: config.ALLOW_PRIVATE_ADDRESSES,
      connectTimeoutMs: config.CONNECT_TIMEOUT_MS,
      resolve: deps.resolve ?? createResolve(),
      ca: deps.ca,
    }),
  );
  const rule = pokeRule(config);
  const onInterruption = interruptionOf(parts, 'pokes');
  resources.use(startPokes({ ...parts, transport, rule, allowHttp: config.ALLOW_HTTP_CALLBACKS, onInterruption }));
}

/** What callback does for a site that asks for itself. */
export function siteWork(
  { db, keyring, now, config }: Parts,
  policy: CallbackPolicy,
): Pick<SiteDeps, 'rotate' | 'move' | 'heartbeat' | 'copySeen'> {
  return {
    rotate: (siteId, request) => rotate(siteId, request, { db, keyring, now }),
    move: (siteId, request) => move(siteId, request, { db, policy, now }),
    heartbeat: (siteId, said) => noteHeartbeat(db, siteId, said, pokeRule(config)),
    copySeen: (siteId, { homeUrl, report }) => noteCopy(db, siteId, homeUrl, report),
  };
}
