import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A push as the receiver got it. */
export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  resultId: string;
  verified: boolean;
}

/** Answers one push; `acknowledge` does what the plugin does. */
export type Behave = (push: Received, response: ServerResponse, acknowledge: () => void) => void;

/** A WordPress-like receiver: verifies as the plugin does, stores each result once, acknowledges with a signature. */
export interface Receiver extends AsyncDisposable {
  url: string;
  received: Received[];
  /** Results stored, each once. */
  stored: Set<string>;
  secrets: string[];
  behave: Behave;
}

const hmac = (secret: string, text: string): Buffer => createHmac('sha256', secret).update(text).digest();
const equal = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);

/** Starts a receiver that acknowledges, until `behave` is changed. */
export async function startReceiver(...secrets: string[]): Promise<Receiver> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    const secret = receiver.secrets.find((candidate) => verifies(candidate, request.headers, body));
    const resultId = String(request.headers['x-idempotency-key']);
    const push = { headers: request.headers, body, resultId, verified: secret !== undefined };
    receiver.received.push(push);
    receiver.behave(push, response, () => {
      if (secret === undefined) return void response.writeHead(401, { 'content-type': 'application/json' }).end('{}');
      const status = receiver.stored.has(resultId) ? 'duplicate' : 'stored';
      receiver.stored.add(resultId);
      const answer = JSON.stringify({ status, result_id: resultId, stored_at: new Date().toISOString() });
      const signature = `sha256=${hmac(secret, answer).toString('hex')}`;
      response.writeHead(200, { 'content-type': 'application/json', 'x-signature': signature }).end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/wp-json/pressferry/v1/callback?site=1`,
    received: [],
    stored: new Set(),
    secrets,
    behave: (_push, _response, acknowledge) => acknowledge(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

function verifies(secret: string, headers: IncomingHttpHeaders, body: string): boolean {
  const timestamp = String(headers['webhook-timestamp']);
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return false;
  const expected = hmac(secret, `${headers['webhook-id']}.${timestamp}.${body}`);
  return String(headers['webhook-signature'])
    .split(' ')
    .some((signature) => signature.startsWith('v1,') && equal(Buffer.from(signature.slice(3), 'base64'), expected));
}
