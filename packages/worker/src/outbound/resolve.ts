import type { LookupAddress } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';

/** Rejects with a `ResolveError` if the name has no address. */
export type Resolve = (hostname: string) => Promise<LookupAddress[]>;

/** Also if the name servers did not answer. */
export class ResolveError extends Error {
  override name = 'ResolveError';
  readonly code = 'DNS_FAILED';
}

export interface ResolveOptions {
  /** Per question to one name server. */
  timeoutMs?: number;
  /** `address:port`; default: the system's. */
  servers?: string[];
}

const TRIES = 2;

/**
 * Asks the name servers directly, because the system's resolver holds one of the process's four threads until it gives
 * up: four sites with dead name servers would stall all others. The system is asked only if the name servers answered
 * without an address, because it knows the hosts file and the cluster's search domains.
 */
export function createResolve({ timeoutMs = 1_000, servers }: ResolveOptions = {}): Resolve {
  const resolver = new Resolver({ timeout: timeoutMs, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  return async (hostname) => {
    if (hostname === 'localhost' || hostname.endsWith('.localhost')) return systemAddresses(hostname);
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const addresses = answers.flatMap((answer, index) =>
      answer.status === 'fulfilled' ? answer.value.map((address) => ({ address, family: index === 0 ? 4 : 6 })) : [],
    );
    if (addresses.length > 0) return addresses;
    if (answers.some((answer) => answer.status === 'rejected' && isTimeout(answer.reason))) {
      throw new ResolveError('the name servers did not answer');
    }
    return systemAddresses(hostname);
  };
}

async function systemAddresses(hostname: string): Promise<LookupAddress[]> {
  try {
    return await lookup(hostname, { all: true });
  } catch (error) {
    throw new ResolveError('the name has no address', { cause: error });
  }
}

const isTimeout = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ETIMEOUT' || error.code === 'ECANCELLED');
