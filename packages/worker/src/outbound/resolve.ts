import type { LookupAddress } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';

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
  /** Read once; its names are the system's to resolve. */
  hostsFile?: string;
}

const TRIES = 2;

/**
 * Asks the name servers directly, because the system's resolver holds one of the process's four threads until it gives
 * up: four hosts with dead name servers would stall all others. The system is asked for names of the hosts file, and if
 * the name servers answered without an address, because it knows the cluster's search domains.
 */
export function createResolve(options: ResolveOptions = {}): Resolve {
  const { timeoutMs = 1_000, servers, hostsFile = '/etc/hosts' } = options;
  const resolver = new Resolver({ timeout: timeoutMs, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  const own = namesIn(hostsFile);
  return async (hostname) => {
    if (hostname === 'localhost' || hostname.endsWith('.localhost') || own.has(hostname))
      return systemAddresses(hostname);
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

function namesIn(hostsFile: string): Set<string> {
  try {
    const lines = readFileSync(hostsFile, 'utf8').split('\n');
    return new Set(lines.flatMap((line) => line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/).slice(1)));
  } catch {
    return new Set();
  }
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
