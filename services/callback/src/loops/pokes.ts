import { bodySignature, verifyBodySignature } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import type { PokeRule } from '@pressferry/registry';
import type { Logger } from '@pressferry/runtime';
import { liveSecrets, type SiteDirectory } from '@pressferry/sites';
import { type Loop, startLoop } from '@pressferry/worker';
import { claimPokes, type DuePoke, notePoke } from '../db/pokes.ts';
import type { Transport } from '../http/transport.ts';
import type { Metrics } from '../metrics.ts';
import type { FaultCode, PokeOutcome } from '../model.ts';

export interface PokeDeps {
  db: Database;
  directory: Pick<SiteDirectory, 'find' | 'isReady'>;
  transport: Pick<Transport, 'send'>;
  allowHttp: boolean;
  rule: PokeRule;
  metrics: Pick<Metrics, 'poke'>;
  logger: Logger;
  now: () => number;
  stopping: AbortSignal;
  onInterruption: (error: unknown) => void;
}

/** Pokes in flight at once, and so at most a round: a site may send for 20 s before it answers. */
const AT_ONCE = 8;
const TIMEOUT_MS = 30_000;
const INTERVAL_MS = 5_000;

/** Calls the signed `/dispatch` of sites that are behind or silent. */
export function startPokes(deps: PokeDeps): Loop {
  const round = async (): Promise<void> => {
    if (!deps.directory.isReady()) return;
    const due = await claimPokes(deps.db, AT_ONCE, deps.rule.spacingMs);
    await Promise.all(due.map((poke) => pokeSite(poke, deps)));
  };
  return startLoop(round, { intervalMs: () => INTERVAL_MS, onInterruption: deps.onInterruption });
}

async function pokeSite(due: DuePoke, deps: PokeDeps): Promise<void> {
  const begun = performance.now();
  const { outcome, detail } = await call(due, deps);
  await notePoke(deps.db, due.siteId, outcome, deps.rule.silenceMs);
  deps.metrics.poke(outcome);
  const duration_ms = Math.round(performance.now() - begun);
  deps.logger.info({ site_id: due.siteId, outcome, detail, duration_ms }, 'site.poked');
}

interface Ended {
  outcome: PokeOutcome;
  detail?: FaultCode | number | undefined;
}

async function call({ siteId, callbackUrl }: DuePoke, deps: PokeDeps): Promise<Ended> {
  const url = dispatchUrl(callbackUrl, deps.allowHttp);
  if (url === null) return { outcome: 'no_route' };
  const site = deps.directory.find(siteId);
  const [newest, ...older] = site === undefined ? [] : liveSecrets(site, deps.now());
  if (newest === undefined) return { outcome: 'secret_missing' };
  const sent_at = new Date(deps.now()).toISOString();
  const body = JSON.stringify({ route: '/dispatch', site_id: siteId, sent_at });
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json',
    'accept-encoding': 'identity',
    'user-agent': 'Pressferry-Callback/1',
    'x-signature': bodySignature(newest, body),
  };
  const answer = await deps.transport.send(url, { body, headers }, { signal: deps.stopping, timeoutMs: TIMEOUT_MS });
  if (answer.kind === 'fault') return { outcome: 'unreachable', detail: answer.code };
  const isSigned = verifyBodySignature([newest, ...older], answer.body, answer.signature ?? '');
  return isSigned ? { outcome: 'answered' } : { outcome: 'refused', detail: answer.status };
}

/** The plugin's route next to the one for results; null if the callback URL is not the plugin's. */
export function dispatchUrl(callbackUrl: string, allowHttp: boolean): URL | null {
  const [, before] = /^(.*pressferry(?:\/|%2F)v1(?:\/|%2F))results\/?$/i.exec(callbackUrl) ?? [];
  const url = before === undefined ? null : URL.parse(`${before}dispatch`);
  return url !== null && (url.protocol === 'https:' || (allowHttp && url.protocol === 'http:')) ? url : null;
}
