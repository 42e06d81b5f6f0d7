import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from '@pressferry/sites';
import { buildConnector } from 'undici';
import type { Resolve } from './resolve.ts';

/** A target that is not an address of the public internet. */
export class AddressRefusedError extends Error {
  override name = 'AddressRefusedError';
  readonly code = 'ADDRESS_REFUSED';
}

export interface ConnectorOptions {
  /** Connect to private, loopback and link-local addresses too. */
  allowPrivate: boolean;
  connectTimeoutMs: number;
  resolve: Resolve;
  /** PEM of further authorities to trust; Node's own list and NODE_EXTRA_CA_CERTS if absent. */
  ca?: string | undefined;
}

/**
 * Makes undici's connector for sites. Addresses are judged where they are used, in the connection's own lookup, so that a name that
 * changes its address between a check and the connection gains nothing by it.
 */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const { allowPrivate, connectTimeoutMs, resolve, ca } = options;
  const isAllowed = (address: string): boolean => allowPrivate || isPublicAddress(address);
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    lookup: guardedLookup(resolve, isAllowed),
    allowH2: false,
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
