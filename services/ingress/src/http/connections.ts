import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';

interface Connection {
  readonly socket: Socket;
  /** True if there were as many as are allowed when it came. */
  readonly isLate: boolean;
  /** The reply to the latest request, while that is not both answered and read to its end. */
  last: FastifyReply | null;
  /** Its place in the list. */
  place: number;
}

export interface Connections {
  /** Follows the connections of a server; with TLS, requests come on the TLS socket that wraps the connection's own. */
  follow: (server: Server, isTls: boolean) => void;
  count: () => number;
  /** True for a connection beyond the allowed ones: a request on it gets a 503. */
  isCrowded: (socket: Socket) => boolean;
  /** Notes that a request has begun. */
  begin: (socket: Socket, reply: FastifyReply) => void;
  /** The reply in flight on a connection, if any. */
  inFlight: (socket: Socket) => FastifyReply | null;
  /** Closes what asks for nothing, and has every answer in flight be its connection's last. */
  close: () => void;
}

/**
 * A list and a weak map, because an ordinary map would do harm here: each time that entries have come and gone it moves to a new table,
 * and the outgrown one keeps that table, and whatever stood in either, alive until V8's next full collection (decision 12).
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
        // If none is in flight, Node would wait for one that may never come.
        if (last === null || last.raw.writableFinished) socket.destroy();
        else last.raw.shouldKeepAlive = false;
      }
    },
  };
}
