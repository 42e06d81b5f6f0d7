// A process of its own: reads the same request bodies and answers 202, over Fastify or bare node:http, and does nothing else.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';

process.on('disconnect', () => process.exit());

const ANSWER = { request_id: '00000000-0000-5000-8000-000000000000', status: 'accepted', duplicate: false };

async function listenFastify(): Promise<number> {
  const app = fastify({ logger: false });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.post('/ingest', (_request, reply) => reply.code(202).send(ANSWER));
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}

function listenHttp(): Promise<number> {
  const body = JSON.stringify(ANSWER);
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      Buffer.concat(chunks);
      response.writeHead(202, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

const port = await (process.argv[2] === 'http' ? listenHttp() : listenFastify());
process.send?.({ port });
