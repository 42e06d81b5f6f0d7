import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { Resolve } from './resolve.ts';

/** A target whose address may not be connected to. */
export class AddressRefusedError extends Error {
  override name = 'AddressRefusedError';
  readonly code = 'ADDRESS_REFUSED';
}

export interface ConnectorOptions {
  /** Of the connection, its TLS handshake included. */
  connectTimeoutMs: number;
  /** Says of an address whether it may be connected to; all may unless given. */
  isAllowed?: ((address: string) => boolean) | undefined;
  /** The system's resolver unless given. */
  resolve?: Resolve | undefined;
  /** PEM of further authorities to trust; Node's own list and NODE_EXTRA_CA_CERTS if absent. */
  ca?: string | undefined;
}

/**
 * undici's connector with a guard over addresses. The guard is in the connection's own lookup: a name that
 * changes its address between a check and the connection gains nothing by it.
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
    // An address in the URL itself is never looked up.
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
