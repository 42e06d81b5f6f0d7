import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Credentials } from './settings.ts';

const TIMEOUT_MS = 60_000;

export interface PublishedPost {
  postId: number;
  url: string;
  editUrl: string;
}

/** An event in the outbox; times in ms since 1970, 0 if it has not happened. */
export interface EventState {
  idempotency_key: string;
  event_type: string;
  object_ref: string;
  status: 'pending' | 'sending' | 'sent' | 'refused' | 'dead' | 'held';
  request_id: string;
  attempts: number;
  last_status: number;
  last_error: string;
  occurred_at_ms: number;
  sent_at_ms: number;
  finished_at_ms: number;
  next_attempt_at_ms: number;
}

/** A result in the inbox; times in ms since 1970. */
export interface ResultState {
  result_id: string;
  request_id: string;
  idempotency_key: string;
  event_type: string;
  object_ref: string;
  automation: string;
  status: 'succeeded' | 'failed';
  completed_at_ms: number;
  stored_at_ms: number;
}

/** The answer of the plugin's signed status route. */
export interface SiteStatus {
  plugin_version: string;
  wordpress_version: string;
  now_ms: number;
  outbox: { counts: Record<string, number>; oldest_pending_at: number };
  events: EventState[];
  results: ResultState[];
}

/** Neither: only the outbox's summary. */
export type StatusQuery = { idempotencyKey: string } | { objectRef: string } | Record<string, never>;

/** Through WordPress' REST API; rejects unless it answers 201. */
export async function publishPost(
  siteUrl: string,
  credentials: Credentials,
  post: { title: string; content: string },
): Promise<PublishedPost> {
  const response = await fetch(`${siteUrl}/wp-json/wp/v2/posts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: basic(credentials) },
    body: JSON.stringify({ ...post, status: 'publish' }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (response.status !== 201) throw new Error(`WordPress answered ${response.status}: ${await response.text()}`);
  const { id, link } = (await response.json()) as { id: number; link: string };
  return { postId: id, url: link, editUrl: `${siteUrl}/wp-admin/post.php?post=${id}&action=edit` };
}

/** Rejects if the answer is not signed with the site's secret. */
export async function siteStatus(statusUrl: string, hmacSecret: string, query: StatusQuery): Promise<SiteStatus> {
  const asked =
    'idempotencyKey' in query
      ? { idempotency_key: query.idempotencyKey }
      : 'objectRef' in query
        ? { object_ref: query.objectRef }
        : {};
  return (await postSigned(statusUrl, hmacSecret, asked)) as SiteStatus;
}

/** Posts a signed, dated JSON body that names its route, and returns the JSON of the verified answer. */
export async function postSigned(url: string, secret: string, fields: Record<string, unknown>): Promise<unknown> {
  const route = `/${new URL(url).pathname.split('/').at(-1)}`;
  const body = JSON.stringify({ ...fields, route, sent_at: new Date().toISOString() });
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-signature': sign(body, secret) },
    body,
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${new URL(url).pathname} answered ${response.status}: ${text}`);
  const given = Buffer.from(response.headers.get('x-signature') ?? '');
  const expected = Buffer.from(sign(text, secret));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new Error(`${new URL(url).pathname} answered without a valid signature`);
  }
  return JSON.parse(text);
}

function sign(body: string, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

function basic({ adminUser, applicationPassword }: Credentials): string {
  return `Basic ${Buffer.from(`${adminUser}:${applicationPassword}`).toString('base64')}`;
}
