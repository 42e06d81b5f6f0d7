import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** One request and its answer. */
export interface Turn {
  request: IncomingMessage;
  response: ServerResponse;
}

/** One open connection. */
export interface Connection {
  readonly socket: Socket;
  /** One beyond the allowed ones when it came. */
  readonly isLate: boolean;
  /** The latest request, while it is not both answered and read to its end. */
  last: Turn | null;
  /** Its place in the list. */
  place: number;
}

/** The open connections, found by their socket or walked through. */
export interface Connections {
  add: (socket: Socket, isLate: boolean) => void;
  find: (socket: Socket) => Connection | undefined;
  all: () => readonly Connection[];
}

/**
 * A list and a weak map, for an ordinary map would do harm here: each time that entries have come and gone it moves to a new table,
 * and the outgrown one keeps that table, and whatever stood in either, alive until V8's next full collection.
 */
export function createConnections(): Connections {
  const list: Connection[] = [];
  const bySocket = new WeakMap<Socket, Connection>();
  const remove = (connection: Connection): void => {
    const last = list.pop();
    if (last === undefined || last === connection) return;
    last.place = connection.place;
    list[last.place] = last;
  };
  return {
    add: (socket, isLate) => {
      const connection: Connection = { socket, isLate, last: null, place: list.length };
      list.push(connection);
      bySocket.set(socket, connection);
      socket.once('close', () => remove(connection));
    },
    find: (socket) => bySocket.get(socket),
    all: () => list,
  };
}
