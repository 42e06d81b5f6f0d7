import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { createConnections } from './connections.ts';

test('a connection is found by its socket and listed until that is closed, whichever closes first', () => {
  const open = createConnections();
  const sockets = Array.from({ length: 4 }, () => new Socket());
  for (const [index, socket] of sockets.entries()) open.add(socket, index === 3);
  for (const socket of sockets) assert.equal(open.find(socket)?.socket, socket);
  assert.deepEqual(
    open.all().map(({ isLate }) => isLate),
    [false, false, false, true],
  );
  const left = new Set(sockets);
  // From the middle, the end, the beginning.
  for (const at of [1, 3, 0, 2]) {
    const socket = sockets[at] as Socket;
    socket.emit('close');
    left.delete(socket);
    assert.deepEqual(new Set(open.all().map((connection) => connection.socket)), left);
    assert.equal(open.all().length, left.size);
  }
});
