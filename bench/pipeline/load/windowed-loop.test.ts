import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Job, Plan } from '../../ingress/load/plan.ts';
import { runWindowedLoop } from './windowed-loop.ts';

const portOf = (server: { address: () => unknown }): number => (server.address() as AddressInfo).port;

test('no more journeys are on their way than the window, refused ones do not count, and all are sent in the end', async () => {
  const [window, total, refusedEvery] = [5, 40, 4];
  const feeds = new Set<Socket>();
  const feed = createServer((socket) => feeds.add(socket));
  let [requests, onTheWay, most] = [0, 0, 0];
  const ingress = createHttpServer((request, response) => {
    request.resume();
    requests++;
    if (requests % refusedEvery === 0) return void response.writeHead(503, { 'content-length': 0 }).end();
    most = Math.max(most, ++onTheWay);
    response.writeHead(202, { 'content-length': 0 }).end();
    setImmediate(() => {
      onTheWay--;
      for (const socket of feeds) socket.write('1\n');
    });
  });
  await Promise.all(
    [feed, ingress].map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', () => done()))),
  );
  const statuses: number[] = [];
  let next = 0;
  const bytes = Buffer.from('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
  const plan: Plan = {
    next: (): Job | null => (next < total ? { index: next++, isGood: true, bytes } : null),
    record: (_job, status) => void statuses.push(status),
    report: () => assert.fail(),
    outcomes: () => assert.fail(),
  };
  await runWindowedLoop(plan, {
    ports: [portOf(ingress)],
    connections: 8,
    seconds: 20,
    window,
    feedPort: portOf(feed),
  });
  assert.equal(statuses.length, total);
  assert.equal(statuses.filter((status) => status === 503).length, total / refusedEvery);
  assert.ok(most <= window, `${most} on their way`);
  ingress.closeAllConnections();
  ingress.close();
  for (const socket of feeds) socket.destroy();
  feed.close();
});
