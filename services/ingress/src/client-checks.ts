import { type Decision, type Limiter, limitHeaders, type Rate } from '@pressferry/limiter';
import { type Site, siteRate } from '@pressferry/sites';
import type { Config } from './config.ts';
import { parseRanges, type Ranges } from './http/ranges.ts';
import type { Metrics } from './metrics.ts';
import { type Client, type Refusal, type RequestFacts, refuse } from './model.ts';

/** Checks of address and rate, in addition to signatures. */
export interface ClientChecks {
  /** TLS, the deployment's allow-list and the limit per address; runs before the request is read. */
  checkClient: (client: Client) => Refusal | null | Promise<Refusal | null>;
  /** True if the site has no allow-list of its own, or it contains the client. */
  isAllowed: (site: Site, facts: RequestFacts) => boolean;
  /** Runs once the request is verified, so no one else can use up the site's limit. */
  limitSite: (site: Site) => Refusal | null | Promise<Refusal | null>;
}

/** Ranges are parsed once, each site's too. */
export function createClientChecks(config: Config, limiter: Limiter, metrics: Pick<Metrics, 'limited'>): ClientChecks {
  const allowed = parseRanges(config.IP_ALLOW);
  const exempt = parseRanges(config.RATE_LIMIT_IP_EXEMPT);
  const ipRate: Rate = { perMinute: config.RATE_LIMIT_IP_PER_MINUTE, burst: config.RATE_LIMIT_IP_BURST };
  const defaultRate: Rate = { perMinute: config.RATE_LIMIT_SITE_PER_MINUTE, burst: config.RATE_LIMIT_SITE_BURST };
  const rates = new WeakMap<Site, Rate>();
  const allowLists = new WeakMap<Site, Ranges>();

  const limit = (scope: 'ip' | 'site', key: string, rate: Rate): Refusal | null | Promise<Refusal | null> => {
    if (rate.perMinute === 0) return null;
    const taken = limiter.take(scope, key, rate);
    if (taken instanceof Promise) return taken.then((decision) => decide(scope, decision, rate, true));
    return decide(scope, taken, rate, false);
  };
  const decide = (scope: 'ip' | 'site', decision: Decision, rate: Rate, asked: boolean): Refusal | null => {
    metrics.limited(scope, decision.allowed ? (asked ? 'asked' : 'allowed') : 'refused');
    if (decision.allowed) return null;
    const headers = limitHeaders(scope, rate, decision);
    if (decision.cause === 'spent')
      return refuse(scope === 'ip' ? 'rate_limited_ip' : 'rate_limited_site', { headers });
    // Not the sender's fault: this replica cannot spend now, or asks for too many keys.
    const code = decision.cause === 'unavailable' ? 'stream_unavailable' : 'overloaded';
    return refuse(code, { headers: { 'retry-after': headers['retry-after'] ?? '1' } });
  };

  return {
    checkClient: (client) => {
      if (!client.secure && !config.INSECURE) return refuse('https_required');
      if (!allowed.isEmpty && !allowed.includes(client.address)) return refuse('ip_not_allowed');
      if (!exempt.isEmpty && exempt.includes(client.address)) return null;
      return limit('ip', client.limitKey, ipRate);
    },
    isAllowed: (site, { client }) => {
      const ranges = memo(allowLists, site, () => parseRanges(site.settings.ip_allow ?? []));
      return ranges.isEmpty || ranges.includes(client.address);
    },
    limitSite: (site) =>
      limit(
        'site',
        site.siteId,
        memo(rates, site, () => siteRate(site.settings, defaultRate)),
      ),
  };
}

/** Each change of a site's record makes a new object, so these caches need no other invalidation. */
function memo<T>(cache: WeakMap<Site, T>, site: Site, make: () => T): T {
  const known = cache.get(site);
  if (known !== undefined) return known;
  const made = make();
  cache.set(site, made);
  return made;
}
