import type { IncomingMessage } from 'node:http';
import { isSiteId, MAX_BODY_BYTES } from '@pressferry/contracts';
import { activeTraceparent, traceparentOr } from '@pressferry/runtime';
import type { Site, SiteDirectory, UnverifiedToken } from '@pressferry/sites';
import { type Answer, isRefusal, type Refusal, type RequestFacts, refuse, refuseSender } from '../model.ts';
import { type AcceptDeps, acceptEvent, unavailable } from './accept.ts';
import { checkMediaType, parseHeaders, type RequestHeaders, readHeaders } from './headers.ts';
import { type VerifyRules, verifyEvent, verifySender } from './verify.ts';

export interface FindSiteDeps {
  directory: Pick<SiteDirectory, 'lookUp'>;
  /** True if the site has no allow-list of its own, or it contains the client. */
  isAllowed: (site: Site, facts: RequestFacts) => boolean;
}

export interface IngestDeps extends AcceptDeps {
  /** The catalogue may change between two requests. */
  rules: () => VerifyRules;
  limitSite: (site: Site) => Refusal | null | Promise<Refusal | null>;
  /** True if one more event of a paused site may be held. */
  admitHeld: (site: Site) => Promise<boolean>;
  now: () => number;
}

/** Unverified: says only which site's keys to verify with. */
export interface Head extends RequestHeaders {
  site: Site;
}

/** The first half of `POST /ingest`, before a byte of the body is read, in the order of docs/protocol.md. */
export function judgeHead(
  request: Pick<IncomingMessage, 'rawHeaders' | 'headers'>,
  facts: RequestFacts,
  deps: FindSiteDeps,
): Head | Refusal {
  const headers = checkHeaders(request);
  if (isRefusal(headers)) return headers;
  const site = findSite(headers.token, facts, deps);
  return isRefusal(site) ? site : { ...headers, site };
}

/** The second half, cheapest checks first; nothing is published unless all pass. */
export async function takeEvent(head: Head, body: Buffer, facts: RequestFacts, deps: IngestDeps): Promise<Answer> {
  const { site } = head;
  facts.bodyBytes = body.length;
  const context = { nowMs: deps.now(), rules: deps.rules() };
  const sender = await verifySender(head, body, site, context);
  if (isRefusal(sender)) return sender;
  facts.siteId = site.siteId;
  const event = verifyEvent(sender, head.idempotencyKey, context);
  if (isRefusal(event)) return event;
  facts.idempotencyKey = event.envelope.idempotency_key;
  facts.eventType = event.envelope.event_type;
  const refusal = await deps.limitSite(site);
  if (refusal !== null) return refusal;
  const held = site.status === 'paused' ? await admitHeld(site, deps) : null;
  if (held !== null) return held;
  // With an SDK, its span is the sender's child and replaces it.
  facts.traceparent = activeTraceparent() ?? traceparentOr(head.traceparent);
  const accepted = await acceptEvent(event, facts.traceparent, deps);
  if (isRefusal(accepted)) return accepted;
  facts.requestId = accepted.requestId;
  const { requestId, duplicate } = accepted;
  const json = `{"request_id":"${requestId}","status":"accepted","duplicate":${duplicate}}`;
  return duplicate
    ? { outcome: 'duplicate', status: 202, json, headers: REPLAYED }
    : { outcome: 'accepted', status: 202, json };
}

const REPLAYED = { 'idempotent-replayed': 'true' };

function checkHeaders(request: Pick<IncomingMessage, 'rawHeaders' | 'headers'>): RequestHeaders | Refusal {
  const headers = readHeaders(request.rawHeaders);
  if (typeof headers === 'string') return refuse('header_repeated', { detail: headers });
  const media = checkMediaType(headers);
  if (media !== null) return media;
  // A chunked body declares none and is cut off while it is read.
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return refuse('body_too_large');
  return parseHeaders(headers);
}

/** Unverified: the claim says only where to look for keys. */
export function findSite({ claims }: UnverifiedToken, facts: RequestFacts, deps: FindSiteDeps): Site | Refusal {
  const { sub } = claims;
  if (typeof sub !== 'string') return refuse('token_claims_invalid');
  const site = isSiteId(sub) ? deps.directory.lookUp(sub) : 'site_unknown';
  if (typeof site === 'string') return refuseSender(site);
  facts.claimedSiteId = site.siteId;
  return deps.isAllowed(site, facts) ? site : refuse('ip_not_allowed');
}

async function admitHeld(site: Site, deps: IngestDeps): Promise<Refusal | null> {
  const admitted = await deps.admitHeld(site).catch(() => null);
  if (admitted === null) return unavailable(deps.outageRetryAfter());
  return admitted ? null : refuse('site_backlog_full', { headers: { 'retry-after': '300' } });
}
