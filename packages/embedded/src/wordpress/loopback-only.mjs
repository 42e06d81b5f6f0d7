// Preloaded into Playground's process: its server listens on every interface, and has no option for less.
import { Server } from 'node:net';

const listen = Server.prototype.listen;

Server.prototype.listen = function listenOnLoopback(first, ...rest) {
  if (typeof first !== 'number' || typeof rest[0] === 'string') return listen.call(this, first, ...rest);
  return listen.call(this, first, '127.0.0.1', ...rest);
};
