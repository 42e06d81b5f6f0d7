const SHORTEST = 6;

/**
 * Takes the vendors' own secrets out of a JSON value, member names included: what a vendor gives back of its key must reach neither a
 * table nor a site. Nothing else is changed.
 */
export function withoutSecrets(value: unknown, secrets: readonly string[]): unknown {
  const known = secrets.filter((secret) => secret.length >= SHORTEST);
  const clean = (text: string): string => known.reduce((left, secret) => left.replaceAll(secret, '[secret]'), text);
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string') return clean(part);
    if (typeof part !== 'object' || part === null) return part;
    if (Array.isArray(part)) return part.map(walk);
    return Object.fromEntries(Object.entries(part).map(([name, member]) => [clean(name), walk(member)]));
  };
  return walk(value);
}
