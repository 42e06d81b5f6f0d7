import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { createConnections } from './connections.ts';

test('connections are counted until they are closed, whichever closes first, and those left are closed with the server', () => {
  const server = new EventEmitter() as Server;
  const connections = createConnections(3);
  connections.follow(server, false);
  const sockets = Array.from({ length: 5 }, () => new Socket());
  for (const socket of sockets) server.emit('connection', socket);
  assert.equal(connections.count(), 5);
  assert.deepEqual(
    sockets.map((socket) => connections.isCrowded(socket)),
    [false, false, false, true, true],
  );
  // From the middle, the end, the beginning.
  for (const at of [1, 4, 0]) sockets[at]?.emit('close');
  assert.equal(connections.count(), 2);
  assert.equal(connections.isCrowded(sockets[3] as Socket), false, 'the room is given on');
  connections.close();
  assert.deepEqual(
    sockets.map(({ destroyed }) => destroyed),
    [false, false, true, true, false],
  );
});
