import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JourneySite } from './sites.ts';

/** A verified push, when it was complete. */
export interface Arrival {
  resultId: string;
  /** The result's event's. */
  idempotencyKey: string;
  siteId: string;
  status: string;
  atMs: number;
  /** When the acknowledgement was sent; null until then, and forever if the sender left. */
  acknowledgedAtMs: number | null;
}

/** The sites: verifies each push, records it, and answers with a signed acknowledgement. */
export interface Sink extends AsyncDisposable {
  /** Every verified push in order, with repeats. */
  arrivals: readonly Arrival[];
  /** Different results. */
  count: () => number;
  refused: readonly string[];
  callbackUrl: (siteId: string) => string;
}

export interface SinkOptions {
  sites: readonly JourneySite[];
  now: () => number;
  /** Delay of each acknowledgement; 0 by default. */
  delayMs?: () => number;
  onArrival?: (arrival: Arrival) => void;
}

const hmac = (secret: string, text: string): Buffer => createHmac('sha256', secret).update(text).digest();

/** On 127.0.0.1. Written apart from the product's signing code on purpose. */
export async function startSink({ sites, now, delayMs, onArrival }: SinkOptions): Promise<Sink> {
  const secrets = new Map(sites.map(({ siteId, hmacSecret }) => [siteId, hmacSecret]));
  const arrivals: Arrival[] = [];
  const seen = new Set<string>();
  const refused: string[] = [];
  const server = createServer(async (request, response) => {
    const body = await read(request).catch(() => undefined);
    if (body === undefined) return void response.destroy();
    const atMs = now();
    const siteId = request.url?.slice('/sites/'.length) ?? '';
    const secret = secrets.get(siteId);
    if (secret === undefined || !verifies(secret, request.headers, body)) {
      refused.push(`${siteId}: a push of ${String(request.headers['x-idempotency-key'])} does not verify`);
      return void response.writeHead(401, { 'content-type': 'application/json' }).end('{}');
    }
    const { result_id: resultId, idempotency_key: idempotencyKey, status } = JSON.parse(body) as Record<string, string>;
    const arrival = { resultId, idempotencyKey, siteId, status, atMs, acknowledgedAtMs: null } as Arrival;
    const answer = JSON.stringify({
      status: seen.has(arrival.resultId) ? 'duplicate' : 'stored',
      result_id: arrival.resultId,
      stored_at: new Date().toISOString(),
    });
    seen.add(arrival.resultId);
    arrivals.push(arrival);
    onArrival?.(arrival);
    const acknowledge = (): void => {
      if (response.destroyed) return;
      arrival.acknowledgedAtMs = now();
      const signature = `sha256=${hmac(secret, answer).toString('hex')}`;
      response.writeHead(200, { 'content-type': 'application/json', 'x-signature': signature }).end(answer);
    };
    const waitMs = delayMs?.() ?? 0;
    if (waitMs === 0) acknowledge();
    else setTimeout(acknowledge, waitMs);
  });
  // Longer than any pause of a run: a connection that closes while being reused would count against the product.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    arrivals,
    count: () => seen.size,
    refused,
    callbackUrl: (siteId) => `http://127.0.0.1:${port}/sites/${siteId}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

const MAX_SKEW_S = 300;

/** As the plugin does: the Standard Webhooks signature, and `X-Signature` over the body. */
function verifies(secret: string, headers: IncomingHttpHeaders, body: string): boolean {
  const timestamp = String(headers['webhook-timestamp']);
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= MAX_SKEW_S)) return false;
  const expected = hmac(secret, `${headers['webhook-id']}.${timestamp}.${body}`);
  const isSigned = String(headers['webhook-signature'])
    .split(' ')
    .some((one) => one.startsWith('v1,') && isEqual(Buffer.from(one.slice(3), 'base64'), expected));
  return isSigned && headers['x-signature'] === `sha256=${hmac(secret, body).toString('hex')}`;
}

const isEqual = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);
