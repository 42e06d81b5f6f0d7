import { type IncomingMessage, request } from 'node:http';

/** What a visitor's request took, in ms: until the first byte, and until the end. */
export interface Taken {
  ttfbMs: number;
  totalMs: number;
}

let comments = 0;

/** Opens a page, over its own connection. */
export const openPage = (url: string): Promise<Taken> => send(url, 'GET', '', 200);

/** Leaves a comment under the first post. */
export function leaveComment(url: string): Promise<Taken> {
  const body = new URLSearchParams({
    comment: `Does the ferry take tandems? ${comments++} ${Math.random()}`,
    author: 'Grace',
    email: 'grace@site.example',
    comment_post_ID: '1',
    comment_parent: '0',
  }).toString();
  return send(`${url}/wp-comments-post.php`, 'POST', body, 302);
}

function send(url: string, method: string, body: string, expected: number): Promise<Taken> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const headers = body === '' ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const outgoing = request(url, { method, agent: false, headers, timeout: 60_000 }, (response: IncomingMessage) => {
      const ttfbMs = performance.now() - started;
      response.resume();
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === expected) resolve({ ttfbMs, totalMs: performance.now() - started });
        else reject(new Error(`${method} ${url} answered ${response.statusCode}`));
      });
    });
    outgoing.once('error', reject);
    outgoing.once('timeout', () => outgoing.destroy(new Error(`${method} ${url} took more than a minute`)));
    outgoing.end(body);
  });
}

/** The p-th percentile, by the nearest rank. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((p / 100) * sorted.length) - 1))] ?? Number.NaN;
}
