import { isSiteId, type ProblemCode } from '@pressferry/contracts';
import type { Limiter, Rate } from '@pressferry/limiter';
import { parseToken, type ReplayStore, type Site, type SiteDirectory, siteRate, verifyToken } from '@pressferry/sites';
import type { Refusal } from '../model.ts';
import { refuseBeyond } from './limit.ts';

export interface AuthenticateDeps {
  directory: Pick<SiteDirectory, 'lookUp'>;
  replay: ReplayStore;
  limiter: Pick<Limiter, 'take'>;
  /** For sites whose settings name no rate. */
  defaultRate: Rate;
  allowHs256: boolean;
  now: () => number;
}

const UNAVAILABLE: Refusal = { code: 'results_unavailable', retryAfterSeconds: 5 };

/** Checks token, status, rate, and last the token's single use, the only check that leaves the process. */
export async function authenticate(
  authorization: string | undefined,
  deps: AuthenticateDeps,
): Promise<{ site: Site } | Refusal> {
  if (authorization === undefined) return { code: 'token_missing' };
  const [, compact] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
  if (compact === undefined) return { code: 'token_missing' };
  const token = parseToken(compact);
  if (token === null) return { code: 'token_malformed' };
  const { sub } = token.claims;
  if (typeof sub !== 'string') return { code: 'token_claims_invalid' };
  const site = isSiteId(sub) ? deps.directory.lookUp(sub) : 'site_unknown';
  if (typeof site === 'string') return refused(site);
  const nowMs = deps.now();
  const claims = await verifyToken(token, site, nowMs, { allowHs256: deps.allowHs256 });
  if (typeof claims === 'string') return refused(claims);
  if (site.status === 'disabled') return { code: 'site_disabled' };
  const limited = await refuseBeyond<ProblemCode>(deps.limiter, {
    scope: 'site',
    key: site.siteId,
    rate: siteRate(site.settings, deps.defaultRate),
    spent: 'rate_limited_site',
    unavailable: 'results_unavailable',
  });
  if (limited !== null) return limited;
  const spent = await deps.replay.spend(site.siteId, claims.jti);
  if (spent === 'fresh') return { site };
  return spent === 'replayed' ? { code: 'token_replayed' } : UNAVAILABLE;
}

const refused = (code: ProblemCode): Refusal =>
  code === 'registry_unavailable' ? { code, retryAfterSeconds: 2 } : { code };
