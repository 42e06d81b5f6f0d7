import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { openClient } from './client.ts';

/** Serves each request by hand: `serve` gets the socket and the number of the request. */
async function withServer(
  serve: (socket: Socket, request: number) => void,
  use: (ask: () => Promise<[status: number, body: string]>) => Promise<void>,
): Promise<void> {
  let requests = 0;
  const server = createServer((socket) => socket.on('data', () => serve(socket, ++requests)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let answered: ((answer: [number, string]) => void) | undefined;
  const client = openClient((server.address() as AddressInfo).port, (status, body) =>
    answered?.([status, body.toString()]),
  );
  const ask = (): Promise<[status: number, body: string]> =>
    new Promise((resolve) => {
      answered = resolve;
      client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    });
  try {
    await use(ask);
  } finally {
    // Also if an assertion failed, or the server would keep the test file alive.
    client.destroy();
    server.close();
  }
}

test('an answer that comes in pieces is one answer, and the connection is kept', async () => {
  const sockets = new Set<Socket>();
  const pieces = ['HTTP/1.1 202 Acc', 'epted\r\nContent-Length: 4\r\n', '\r\nab', 'cd'];
  await withServer(
    (socket) => {
      sockets.add(socket);
      const next = (at: number): void => {
        if (at < pieces.length) socket.write(pieces[at] ?? '', () => setImmediate(next, at + 1));
      };
      next(0);
    },
    async (ask) => {
      assert.deepEqual(await ask(), [202, 'abcd']);
      assert.deepEqual(await ask(), [202, 'abcd']);
    },
  );
  assert.equal(sockets.size, 1);
});

test('a chunked answer ends with its last chunk', async () => {
  await withServer(
    (socket) => socket.write('HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
    async (ask) => assert.equal((await ask())[0], 400),
  );
});

test('a cut connection is status 0, never a success, and the next request dials again', async () => {
  await withServer(
    (socket, request) =>
      request === 1
        ? socket.end('HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\nhalf')
        : socket.write('HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok'),
    async (ask) => {
      assert.deepEqual(await ask(), [0, '']);
      assert.deepEqual(await ask(), [202, 'ok']);
    },
  );
});

test('an answer that closes its connection counts, and the next request dials again', async () => {
  const sockets = new Set<Socket>();
  await withServer(
    (socket) => {
      sockets.add(socket);
      socket.end('HTTP/1.1 413 Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    },
    async (ask) => {
      assert.equal((await ask())[0], 413);
      assert.equal((await ask())[0], 413);
    },
  );
  assert.equal(sockets.size, 2);
});
