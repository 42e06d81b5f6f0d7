import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Client } from '../model.ts';
import { limitKey, parseAddress, type Ranges } from './ranges.ts';

/** Null if the connection is gone. */
export type FindClient = (request: IncomingMessage) => Client | null;

/**
 * The client behind trusted proxies: from the right end of X-Forwarded-For, the first address that is not a trusted
 * proxy. An element that is not an address (`unknown`, say) counts as the proxy that wrote it, because a proxy's
 * setting must not lose an event. An untrusted peer's headers are not read.
 */
export function createFindClient(trusted: Ranges): FindClient {
  const peers = new WeakMap<object, { client: Client; isProxy: boolean }>();
  const peerOf = (request: IncomingMessage): { client: Client; isProxy: boolean } | null => {
    const { socket } = request;
    const known = peers.get(socket);
    if (known !== undefined) return known;
    const address = parseAddress(socket.remoteAddress ?? '');
    if (address === null) return null;
    const client = { address, limitKey: limitKey(address), secure: (socket as TLSSocket).encrypted === true };
    const peer = { client, isProxy: !trusted.isEmpty && trusted.includes(address) };
    peers.set(socket, peer);
    return peer;
  };
  return (request) => {
    const peer = peerOf(request);
    if (peer === null || !peer.isProxy) return peer?.client ?? null;
    const forwardedFor = request.headers['x-forwarded-for'];
    const proto = request.headers['x-forwarded-proto'];
    if (forwardedFor === undefined && proto === undefined) return peer.client;
    const address = firstUntrusted(String(forwardedFor ?? ''), peer.client.address, trusted);
    // A proxy may append; the last value is the nearest proxy's, which is trusted.
    const scheme = String(proto ?? '')
      .split(',')
      .at(-1)
      ?.trim()
      .toLowerCase();
    return {
      address,
      limitKey: limitKey(address),
      secure: proto === undefined ? peer.client.secure : scheme === 'https',
    };
  };
}

function firstUntrusted(forwardedFor: string, peer: Client['address'], trusted: Ranges): Client['address'] {
  let proxy = peer;
  for (const element of forwardedFor.split(',').reverse()) {
    const hop = element.trim();
    if (hop === '') continue;
    const address = parseAddress(withoutPort(hop));
    if (address === null) return proxy;
    if (!trusted.includes(address)) return address;
    proxy = address;
  }
  // Proxies all the way: the outermost is the client.
  return proxy;
}

/** Some proxies write `203.0.113.7:51234` and `[2001:db8::1]:51234`. */
function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1];
  return bracketed ?? hop.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
}
