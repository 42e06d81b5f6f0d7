import { decodeEvent, eventMessageId, eventSubject, shardOf } from '@pressferry/contracts';
import type { Publisher } from '@pressferry/jetstream';
import { type ReplayStore, type Site, type TokenRules, verifyToken } from '@pressferry/sites';
import { type Answer, isRefusal, type Refusal, type RequestFacts, refuse, refuseSender } from '../model.ts';
import { type ReadStored, unavailable } from './accept.ts';
import { type FindSiteDeps, findSite, type IngestDeps } from './handle.ts';
import { isKey, parseAuthorization, readHeaders } from './headers.ts';

export interface StateDeps extends FindSiteDeps, Pick<IngestDeps, 'limitSite' | 'now' | 'outageRetryAfter'> {
  publisher: Publisher;
  replay: ReplayStore;
  readStored: ReadStored;
  /** The sequence up to which enricher has taken all events of the stream. */
  takenUpTo: (stream: string) => Promise<number>;
  shards: number;
  rules: () => TokenRules;
}

/** `GET /ingest/{idempotency_key}`: whether an event is known and whether enricher has taken it. */
export async function showState(
  key: string,
  rawHeaders: readonly string[],
  facts: RequestFacts,
  deps: StateDeps,
): Promise<Answer> {
  const site = await authenticate(rawHeaders, facts, deps);
  if (isRefusal(site)) return site;
  if (!isKey(key)) return refuse('parameter_invalid', { detail: 'idempotency_key' });
  const place = await probe(site, key, deps);
  if (isRefusal(place)) return place;
  const read = Promise.all([deps.readStored(place.stream, place.sequence), deps.takenUpTo(place.stream)]);
  const [stored, takenUpTo] = (await read.catch(() => null)) ?? [undefined, 0];
  if (stored === undefined) return unavailable(deps.outageRetryAfter());
  // Erased while its id is remembered.
  if (stored === null) return refuse('event_unknown');
  const event = decodeEvent(stored);
  facts.requestId = event.requestId;
  return {
    outcome: 'answered',
    status: 200,
    json: JSON.stringify({
      request_id: event.requestId,
      status: place.sequence <= takenUpTo ? 'processing' : 'accepted',
      event_type: event.eventType,
      received_at: new Date(event.receivedAtMs).toISOString(),
    }),
  };
}

async function authenticate(
  rawHeaders: readonly string[],
  facts: RequestFacts,
  deps: StateDeps,
): Promise<Site | Refusal> {
  const headers = readHeaders(rawHeaders);
  if (typeof headers === 'string') return refuse('header_repeated', { detail: headers });
  const token = parseAuthorization(headers.get('authorization'));
  if (isRefusal(token)) return token;
  const site = findSite(token, facts, deps);
  if (isRefusal(site)) return site;
  const claims = await verifyToken(token, site, deps.now(), deps.rules());
  if (typeof claims === 'string') return refuseSender(claims);
  facts.siteId = site.siteId;
  if (site.status === 'disabled') return refuse('site_disabled');
  const limited = await deps.limitSite(site);
  if (limited !== null) return limited;
  const spent = await deps.replay.spend(site.siteId, claims.jti);
  if (spent === 'fresh') return site;
  return spent === 'replayed' ? refuse('token_replayed') : unavailable(deps.outageRetryAfter());
}

/** An invalid Nats-Rollup value: EVENTS allows no roll-ups, so the server never stores this publish. */
const NEVER_STORED = { 'Nats-Rollup': 'probe' };
const ROLLUP_REFUSED = 10111;

/**
 * Asks whether JetStream remembers a message id, by a publish that can never be stored. The server checks the id first,
 * so it answers "duplicate" with the first one's sequence, or refuses an unknown id.
 */
async function probe(
  site: Site,
  key: string,
  deps: StateDeps,
): Promise<{ stream: string; sequence: number } | Refusal> {
  const subject = eventSubject(shardOf(site.siteId, deps.shards), site.siteId, 'probe');
  const outcome = await deps.publisher.publish(subject, EMPTY, {
    'Nats-Msg-Id': eventMessageId(site.siteId, key),
    ...NEVER_STORED,
  });
  if (outcome.kind === 'duplicate') return outcome;
  const isUnknown = outcome.kind === 'refused' && outcome.errorCode === ROLLUP_REFUSED;
  return isUnknown ? refuse('event_unknown') : unavailable(deps.outageRetryAfter());
}

const EMPTY = new Uint8Array(0);
