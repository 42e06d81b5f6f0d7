import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { Resolve } from './resolve.ts';

export class AddressRefusedError extends Error {
  override name = 'AddressRefusedError';
  readonly code = 'ADDRESS_REFUSED';
}

export interface ConnectorOptions {
  /** TLS handshake included. */
  connectTimeoutMs: number;
  /** All addresses are allowed by default. */
  isAllowed?: ((address: string) => boolean) | undefined;
  /** Default: the system's resolver. */
  resolve?: Resolve | undefined;
  /** PEM of further CAs to trust, in addition to Node's list and NODE_EXTRA_CA_CERTS. */
  ca?: string | undefined;
}

/**
 * Checks addresses within the connection's own lookup, so a name cannot change its address between check and
 * connection.
 */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const { connectTimeoutMs, isAllowed = () => true, resolve, ca } = options;
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    allowH2: false,
    ...(resolve === undefined ? {} : { lookup: guardedLookup(resolve, isAllowed) }),
    ...(ca === undefined ? {} : { ca }),
  });
  return (target, callback) => {
    // An address in the URL is never looked up.
    const literal = target.hostname.replace(/^\[|\]$/g, '');
    if (isIP(literal) !== 0 && !isAllowed(literal)) return callback(new AddressRefusedError(), null);
    connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      if (isAllowed(socket.remoteAddress ?? '')) return callback(null, socket);
      socket.destroy();
      callback(new AddressRefusedError(), null);
    });
  };
}

function guardedLookup(resolve: Resolve, isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const allowed = addresses.filter(({ address }) => isAllowed(address));
        const [first] = allowed;
        if (first === undefined) callback(new AddressRefusedError(), '', 0);
        else if (options.all === true) callback(null, allowed);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, '', 0),
    );
  };
}
