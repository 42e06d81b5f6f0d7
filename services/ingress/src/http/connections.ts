import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';

interface Connection {
  readonly socket: Socket;
  /** The server already had the allowed number of connections when this one came. */
  readonly isLate: boolean;
  /** The latest reply, until it is answered and its request read to the end. */
  last: FastifyReply | null;
  place: number;
}

export interface Connections {
  /** With TLS, requests come on the TLS socket that wraps the connection's own. */
  follow: (server: Server, isTls: boolean) => void;
  count: () => number;
  /** True for a connection beyond the allowed number: a request on it gets 503. */
  isCrowded: (socket: Socket) => boolean;
  begin: (socket: Socket, reply: FastifyReply) => void;
  inFlight: (socket: Socket) => FastifyReply | null;
  /** Closes idle connections; the others close after the answer in flight. */
  close: () => void;
}

/**
 * A list and a weak map, because a `Map` with steady inserts and deletes keeps outgrown tables alive until V8's next
 * full collection (docs/decisions/0012-memory-of-a-busy-service.md).
 */
export function createConnections(max: number): Connections {
  const list: Connection[] = [];
  const bySocket = new WeakMap<Socket, Connection>();
  let count = 0;
  let isClosing = false;
  const remove = (connection: Connection): void => {
    const end = list.pop();
    if (end === undefined || end === connection) return;
    end.place = connection.place;
    list[end.place] = end;
  };
  const add = (socket: Socket): void => {
    const connection: Connection = { socket, isLate: count > max, last: null, place: list.length };
    list.push(connection);
    bySocket.set(socket, connection);
    socket.once('close', () => remove(connection));
    if (isClosing) socket.destroy();
  };
  return {
    follow: (server, isTls) => {
      server.on('connection', (socket: Socket) => {
        count++;
        socket.once('close', () => count--);
        if (!isTls) add(socket);
      });
      if (isTls) server.on('secureConnection', add);
    },
    count: () => count,
    isCrowded: (socket) => count > max && bySocket.get(socket)?.isLate === true,
    begin: (socket, reply) => {
      if (isClosing) reply.raw.shouldKeepAlive = false;
      const connection = bySocket.get(socket);
      if (connection === undefined) return;
      connection.last = reply;
      reply.raw.once('finish', () => {
        if (reply.request.raw.complete && connection.last === reply) connection.last = null;
      });
    },
    inFlight: (socket) => bySocket.get(socket)?.last ?? null,
    close: () => {
      isClosing = true;
      for (const { socket, last } of list) {
        // Without one in flight, Node would wait for a reply that may never come.
        if (last === null || last.raw.writableFinished) socket.destroy();
        else last.raw.shouldKeepAlive = false;
      }
    },
  };
}
