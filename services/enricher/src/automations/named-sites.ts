import { checkWhen } from './match.ts';
import type { AutomationDefinition } from './schema.ts';

export interface NamedSite {
  siteId: string;
  /** What to say if no such site is registered, with file, line and path. */
  fault: string;
}

/** The sites that a definition names, `site.id` compared with a text included. */
export function namedSites(
  { sites = [], mode, when }: AutomationDefinition,
  lineOf: (path: string, text: string) => string,
): NamedSite[] {
  const checked = typeof when === 'string' ? checkWhen(when) : { siteIds: [] };
  const named = [
    ...sites.map((siteId, index) => ({ siteId, path: `sites[${index}]` })),
    ...(typeof mode === 'string' ? [] : Object.keys(mode.sites)).map((siteId) => ({
      siteId,
      path: `mode.sites.${siteId}`,
    })),
    ...('fault' in checked ? [] : checked.siteIds).map((siteId) => ({ siteId, path: 'when' })),
  ];
  return named.map(({ siteId, path }) => ({
    siteId,
    fault: lineOf(path, `no site is registered as ${JSON.stringify(siteId)}: pressferry sites list`),
  }));
}
