import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from './endpoints.ts';

/** Resolves once the answer is handed to the system. */
export async function writeAnswer(response: ServerResponse, { status, headers, chunks }: Answer): Promise<void> {
  response.writeHead(status, headers);
  for (const chunk of chunks) response.write(chunk);
  await new Promise<void>((resolve) => {
    response.once('close', resolve);
    response.end(resolve);
  });
}

/** Cuts the connection after half of the body. */
export async function writeHalf(response: ServerResponse, answer: Answer): Promise<void> {
  const body = answer.chunks.join('');
  // A declared length makes the cut visible.
  response.writeHead(answer.status, { ...answer.headers, 'content-length': String(Buffer.byteLength(body)) });
  await new Promise<void>((resolve) => {
    response.once('close', resolve);
    response.write(body.slice(0, Math.floor(body.length / 2)), () => resolve());
  });
  response.socket?.destroy();
}

export function cutConnection(response: ServerResponse): void {
  response.socket?.destroy();
}

/** True after that time; false as soon as the caller leaves. */
export async function waitUnlessAbandoned(response: ServerResponse, latencyMs: number): Promise<boolean> {
  const gone = new AbortController();
  const abandon = () => gone.abort();
  response.once('close', abandon);
  try {
    await delay(latencyMs, undefined, { signal: gone.signal });
    return true;
  } catch {
    return false;
  } finally {
    response.off('close', abandon);
  }
}
