import { type SiteSettings, siteSettingsSchema } from '@pressferry/sites';

/** As people write them; `event_types.<type>` as well. */
export const SETTING_NAMES = ['rate.per_minute', 'rate.burst', 'ip_allow', 'max_held_events'] as const;

/** The event types that a site can have a mode for. */
export type KnownEventTypes = Pick<ReadonlySet<string>, 'has'>;

const EVENT_TYPES = 'event_types.';

/**
 * Applies assignments `name=value`; an empty value, or `default`, restores the deployment's. Returns every fault, with
 * the remedy.
 */
export function changeSettings(
  settings: SiteSettings,
  assignments: Readonly<Record<string, string>>,
  known: KnownEventTypes,
): { settings: SiteSettings } | { refused: string[] } {
  const rate: Record<string, unknown> = { ...settings.rate_limit };
  const modes: Record<string, unknown> = { ...settings.event_types };
  const others: Record<string, unknown> = { ip_allow: settings.ip_allow, max_held_events: settings.max_held_events };
  const faults: string[] = [];
  for (const [name, text] of Object.entries(assignments)) {
    const value = text === 'default' || text === '' ? undefined : text;
    if (name === 'rate.per_minute') rate.per_minute = numberIn(value);
    else if (name === 'rate.burst') rate.burst = numberIn(value);
    else if (name === 'max_held_events') others.max_held_events = numberIn(value);
    else if (name === 'ip_allow') others.ip_allow = value?.split(/[\s,;]+/).filter((part) => part !== '');
    else if (name.startsWith(EVENT_TYPES)) {
      const type = name.slice(EVENT_TYPES.length);
      if (!known.has(type))
        faults.push(`${name}: there is no event type ${type}; one of your own is read from EVENT_TYPES_DIRS`);
      modes[type] = value;
    } else
      faults.push(`${name}: there is no such setting; there are ${SETTING_NAMES.join(', ')} and event_types.<type>`);
  }
  const changed = withoutUndefined({
    ...others,
    rate_limit: nonEmpty(withoutUndefined(rate)),
    event_types: nonEmpty(withoutUndefined(modes)),
  });
  const parsed = siteSettingsSchema.safeParse(changed);
  if (!parsed.success) faults.push(...parsed.error.issues.map(({ path, message }) => `${nameOf(path)}: ${message}`));
  return faults.length === 0 && parsed.success ? { settings: parsed.data } : { refused: faults };
}

/** Leaves other texts for the schema to refuse. */
const numberIn = (text: string | undefined): unknown =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : text;

const withoutUndefined = (members: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));

const nonEmpty = (members: Record<string, unknown>): Record<string, unknown> | undefined =>
  Object.keys(members).length === 0 ? undefined : members;

const nameOf = ([first, ...rest]: PropertyKey[]): string =>
  [first === 'rate_limit' ? 'rate' : String(first), ...rest.map(String)].join('.');
