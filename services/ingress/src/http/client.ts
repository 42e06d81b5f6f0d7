import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Client } from '../model.ts';
import { limitKey, parseAddress, type Ranges } from './ranges.ts';

/** Finds a request's client; null where a trusted proxy names one that is no address. */
export type FindClient = (request: IncomingMessage) => Client | null;

/**
 * The client behind trusted proxies: from the right end of X-Forwarded-For, the first address that is no trusted proxy.
 * Headers of a peer that is not trusted are not read at all. What a connection's peer is, is worked out once.
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
    const address = forwardedFor === undefined ? peer.client.address : firstUntrusted(String(forwardedFor), trusted);
    if (address === null) return null;
    // A proxy may append too: what the nearest one saw stands last, and it is the one we know to be trusted.
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

function firstUntrusted(forwardedFor: string, trusted: Ranges): Client['address'] | null {
  const hops = forwardedFor.split(',');
  let address: Client['address'] | null = null;
  for (let at = hops.length - 1; at >= 0; at--) {
    address = parseAddress(withoutPort(hops[at]?.trim() ?? ''));
    if (address === null || !trusted.includes(address)) return address;
  }
  // Proxies all the way: the outermost is the client.
  return address;
}

/** Some proxies write `203.0.113.7:51234` and `[2001:db8::1]:51234`. */
function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1];
  return bracketed ?? hop.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
}
