import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { read } from './sink.ts';

/** `ref` is the event's own reference, the same in every attempt. */
export interface VendorCall {
  key: string;
  ref: string;
  atMs: number;
  /** When the answer was sent; null until then, and forever if the caller left. */
  answeredAtMs: number | null;
}

/** Works in a fixed time, once per key, and records its calls. */
export interface VendorStub extends AsyncDisposable {
  url: string;
  /** In order, with repeats. */
  calls: readonly VendorCall[];
}

export interface VendorOptions {
  now: () => number;
  /** Asked at each call; 5 ms by default. */
  latencyMs?: () => number;
}

export async function startVendor({ now, latencyMs = () => 5 }: VendorOptions): Promise<VendorStub> {
  const calls: VendorCall[] = [];
  const server = createServer(async (request, response) => {
    const body = await read(request).catch(() => undefined);
    if (body === undefined) return void response.destroy();
    const { ref } = JSON.parse(body) as { ref: string };
    const key = String(request.headers['idempotency-key'] ?? '');
    const call: VendorCall = { key, ref, atMs: now(), answeredAtMs: null };
    calls.push(call);
    setTimeout(() => {
      if (response.destroyed) return;
      call.answeredAtMs = now();
      response.writeHead(200, { 'content-type': 'application/json' }).end(`{"answer":"done ${ref}"}`);
    }, latencyMs());
  });
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
