const MAX_CHARS = 50;

/** Host and path with dashes: `https://shop.example/de` becomes `shop-example-de`. */
export function siteIdOf(homeUrl: string): string {
  const { host, pathname } = new URL(homeUrl);
  const id = `${host.replace(/^www\./, '')}${pathname}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .split('-')
    .filter((part) => part !== '')
    .join('-')
    .slice(0, MAX_CHARS)
    // The cut may leave one dash at the end.
    .replace(/-$/, '');
  return id === '' ? 'site' : id;
}

/** `wanted`, or the first free one of `id-2`, `id-3` … */
export function freeId(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  for (let number = 2; ; number++) if (!taken.has(`${wanted}-${number}`)) return `${wanted}-${number}`;
}
