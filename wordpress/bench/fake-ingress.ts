import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the fake ingress answers: at once, or never. */
export type Behaviour = 'healthy' | 'hanging';

export interface FakeIngress extends AsyncDisposable {
  url: string;
  behaviour: Behaviour;
  /** The idempotency keys that it took, in order. */
  readonly taken: string[];
  readonly requests: number;
}

/** Answers events as ingress does, without looking at them. */
export async function startFakeIngress(): Promise<FakeIngress> {
  const taken: string[] = [];
  const fake = { behaviour: 'healthy' as Behaviour, taken, requests: 0 };
  const server = createServer((request, response) => {
    fake.requests++;
    request.resume();
    if (fake.behaviour === 'hanging') return;
    request.once('end', () => {
      taken.push(String(request.headers['x-idempotency-key']));
      response.writeHead(202, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ request_id: randomUUID(), status: 'accepted', duplicate: false }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ingest`;
  return Object.assign(fake, {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
