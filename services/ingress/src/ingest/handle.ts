import { isSiteId, MAX_BODY_BYTES } from '@pressferry/contracts';
import { activeTraceparent, traceparentOr } from '@pressferry/runtime';
import type { Site, SiteDirectory, UnverifiedToken } from '@pressferry/sites';
import { declaredLength, type ReadBody, readBody } from '../http/body.ts';
import { type Capacity, isOverloaded } from '../http/capacity.ts';
import { type Answer, type Exchange, proceed } from '../http/exchange.ts';
import { isRefusal, type Refusal, refuse, refuseSender } from '../http/refusal.ts';
import { type AcceptDeps, acceptEvent, unavailable } from './accept.ts';
import { checkMediaType, parseHeaders, readHeaders } from './headers.ts';
import { type VerifyRules, verifyEvent, verifySender } from './verify.ts';

export interface IngestDeps extends AcceptDeps {
  capacity: Capacity;
  /** The refusal of a request that there is no room for. */
  overloaded: () => Refusal;
  directory: Pick<SiteDirectory, 'lookUp'>;
  /** The rules in force: the catalogue may change between two requests. */
  rules: () => VerifyRules;
  /** True where the site's own allow-list, if any, holds the client. */
  isAllowed: (site: Site, exchange: Exchange) => boolean;
  /** Takes one from the site's budget. */
  limitSite: (site: Site) => Refusal | null | Promise<Refusal | null>;
  /** Whether a paused site may have one more event held. */
  admitHeld: (site: Site) => Promise<boolean>;
  now: () => number;
}

/**
 * `POST /ingest`, from the head of the request to the answer, in the order that docs/protocol.md gives: what costs least is asked
 * first, and nothing is published that has not passed all of it.
 */
export async function ingest(exchange: Exchange, deps: IngestDeps): Promise<Answer> {
  const head = checkHead(exchange);
  if (isRefusal(head)) return head;
  const site = findSite(head.token, exchange, deps);
  if (isRefusal(site)) return site;
  proceed(exchange);
  const body = await new Promise<ReadBody>((resolve) => readBody(exchange.request, deps.capacity, resolve));
  if (body === 'aborted') return null;
  if (body === 'too_large') return refuse('body_too_large');
  if (body === 'crowded' || isOverloaded(deps.capacity)) return deps.overloaded();
  exchange.bodyBytes = body.length;
  const context = { nowMs: deps.now(), rules: deps.rules() };
  const sender = await verifySender(head, body, site, context);
  if (isRefusal(sender)) return sender;
  exchange.siteId = site.siteId;
  const event = verifyEvent(sender, head.idempotencyKey, context);
  if (isRefusal(event)) return event;
  exchange.idempotencyKey = event.envelope.idempotency_key;
  exchange.eventType = event.envelope.event_type;
  const limited = deps.limitSite(site);
  // Nearly always known at once; to await it nevertheless would cost a turn of the queue.
  const refusal = limited instanceof Promise ? await limited : limited;
  if (refusal !== null) return refusal;
  const held = site.status === 'paused' ? await admitHeld(site, deps) : null;
  if (held !== null) return held;
  // An SDK's span stands in the place of the sender's: it is its child.
  exchange.traceparent = activeTraceparent() ?? traceparentOr(head.traceparent);
  const accepted = await acceptEvent(event, exchange.traceparent, deps);
  if (isRefusal(accepted)) return accepted;
  exchange.requestId = accepted.requestId;
  const { requestId, duplicate } = accepted;
  const json = `{"request_id":"${requestId}","status":"accepted","duplicate":${duplicate}}`;
  return duplicate
    ? { outcome: 'duplicate', status: 202, json, headers: REPLAYED }
    : { outcome: 'accepted', status: 202, json };
}

const REPLAYED = { 'idempotent-replayed': 'true' };

/** What can be judged before a byte of the body is read. */
function checkHead({ request }: Exchange): ReturnType<typeof parseHeaders> {
  const headers = readHeaders(request.rawHeaders);
  if (typeof headers === 'string') return refuse('header_repeated', { detail: headers });
  const media = checkMediaType(headers);
  if (media !== null) return media;
  if (declaredLength(request) > MAX_BODY_BYTES) return refuse('body_too_large');
  return parseHeaders(headers);
}

/** The site that the token claims to come from: nothing of it is believed yet but where to look for its keys. */
export function findSite(
  { claims }: UnverifiedToken,
  exchange: Exchange,
  deps: Pick<IngestDeps, 'directory' | 'isAllowed'>,
): Site | Refusal {
  const { sub } = claims;
  if (typeof sub !== 'string') return refuse('token_claims_invalid');
  const site = isSiteId(sub) ? deps.directory.lookUp(sub) : 'site_unknown';
  if (typeof site === 'string') return refuseSender(site);
  exchange.claimedSiteId = site.siteId;
  return deps.isAllowed(site, exchange) ? site : refuse('ip_not_allowed');
}

async function admitHeld(site: Site, deps: IngestDeps): Promise<Refusal | null> {
  const admitted = await deps.admitHeld(site).catch(() => null);
  if (admitted === null) return unavailable(deps.outageRetryAfter());
  return admitted ? null : refuse('site_backlog_full', { headers: { 'retry-after': '300' } });
}
