import type { Rate, SiteSettings } from '@pressferry/sites';
import { siteRate } from '@pressferry/sites';

/** For sites without a setting of their own. */
export interface Defaults {
  rate: Rate;
  maxHeldEvents: number;
  /** False for the product's own default. */
  isConfigured: { perMinute: boolean; burst: boolean; maxHeldEvents: boolean };
}

export interface Effective {
  name: string;
  value: string;
  source: 'site' | 'config' | 'default';
}

export function effectiveSettings(
  settings: SiteSettings,
  { rate, maxHeldEvents, isConfigured }: Defaults,
): Effective[] {
  const { perMinute, burst } = siteRate(settings, rate);
  const own = settings.rate_limit;
  const sourceOf = (isOwn: boolean, configured: boolean): Effective['source'] =>
    isOwn ? 'site' : configured ? 'config' : 'default';
  return [
    {
      name: 'rate.per_minute',
      value: perMinute === 0 ? '0 (no limit)' : String(perMinute),
      source: sourceOf(own !== undefined, isConfigured.perMinute),
    },
    { name: 'rate.burst', value: String(burst), source: sourceOf(own?.burst !== undefined, isConfigured.burst) },
    {
      name: 'ip_allow',
      value: settings.ip_allow?.length ? settings.ip_allow.join(', ') : 'any',
      source: settings.ip_allow?.length ? 'site' : 'default',
    },
    {
      name: 'max_held_events',
      value: String(settings.max_held_events ?? maxHeldEvents),
      source: sourceOf(settings.max_held_events !== undefined, isConfigured.maxHeldEvents),
    },
    ...Object.entries(settings.event_types ?? {}).map(
      ([type, mode]): Effective => ({ name: `event_types.${type}`, value: mode, source: 'site' }),
    ),
  ];
}
