/** RFC 6901. */
export const escapePointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
export const unescapePointer = (name: string): string => name.replaceAll('~1', '/').replaceAll('~0', '~');
