import { isIP } from 'node:net';

// Searched from the @ backwards: from the front, each letter of a long text would begin another try.
const AT_DOMAIN =
  /(?:@|%(?:25)?40|&#(?:64|x40);|&commat;|\\u0040| ?[([{] ?at ?[)\]}] ?)[\p{L}\p{N}-]{1,63}(?:(?:\.| ?[([{] ?dot ?[)\]}] ?)[\p{L}\p{N}-]{1,63}){1,8}/giu;
/** A package's version, or a picture for fine screens, `logo@2x.png`. */
const NO_DOMAIN = /(?:^|[.\])} ])\p{N}[\p{L}\p{N}-]*$|^@\dx\.(?:png|jpe?g|gif|webp|svg|avif)$/iu;
const LOCAL_PART = /[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]/u;
const MAX_LOCAL_PART = 64;
/** A URL's or query's text before an address. */
const CUT_BEFORE = /^.*[=?&/:]/s;
/** Of a quotation, of Markdown or of code. */
const SIGNS_BEFORE = /^[`'*{|}~!#$^]+/;

/** Percent-encoded and entity-encoded ones too. */
export function maskEmails(text: string): string {
  let masked = '';
  let done = 0;
  for (const { 0: domain, index: at } of text.matchAll(AT_DOMAIN)) {
    if (at < done || NO_DOMAIN.test(domain)) continue;
    let start = at;
    while (start > done && at - start < MAX_LOCAL_PART && LOCAL_PART.test(text[start - 1] ?? '')) start--;
    // Keeps the name before it in `mailto:a@b` and `?email=a%40b`.
    start += CUT_BEFORE.exec(text.slice(start, at))?.[0].length ?? 0;
    start += SIGNS_BEFORE.exec(text.slice(start, at))?.[0].length ?? 0;
    if (start === at) continue;
    masked += `${text.slice(done, start)}[email]`;
    done = at + domain.length;
  }
  return masked + text.slice(done);
}

const SCHEME = /[a-z][a-z0-9+.-]{1,15}:\/\//gi;
const USER_INFO = /[^\s/?#@"'<>`]{1,256}@/y;

/** The user and password, whatever the host. */
export function maskUserInfo(text: string): string {
  if (!text.includes('://')) return text;
  let masked = '';
  let done = 0;
  for (const { 0: scheme, index } of text.matchAll(SCHEME)) {
    const at = index + scheme.length;
    USER_INFO.lastIndex = at;
    const info = USER_INFO.exec(text)?.[0];
    if (info === undefined || !info.includes(':') || at < done) continue;
    masked += `${text.slice(done, at)}[secret]@`;
    done = at + info.length;
  }
  return masked + text.slice(done);
}

const IPV4 = /(?<![\w./-])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![A-Za-z0-9-]|_\w|\.\d)/g;
const IPV6 =
  /(?<![\w:.])((?=[0-9a-f_]{0,16}[g-z_])[a-z_]{1,16}[:=])?(?:[0-9a-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]{1,4})?(?![\w:])/gi;
const VERSION_BEFORE =
  /(?:version|release|firmware|build|v|ver\.?|rev\.?|section|chapter|kapitel|abschnitt|ziffer|punkt|chapitre|cap[ií]tulo|secci[oó]n|article|artikel|§|art\.?|no\.?|nr\.?)[ :]{0,2}$/i;
const HOST_BEFORE = /(?:ip|ips|ipv4|addr|address|adresse|client|host|from|von|de|remote|@)["']?[ :=(]{0,3}["']?$/i;
/** Unspecified, loopback, broadcast, and network masks. */
const NO_HOST = /^(?:0\.|127\.|255\.|::1?$)/;

/** IP addresses that may be a person's; not versions of four numbers. */
export function maskIpAddresses(text: string): string {
  const masked = text.includes(':')
    ? text.replace(IPV6, (found, label: string | undefined) => {
        const address = found.slice(label?.length ?? 0);
        return isAddress(address) ? `${label ?? ''}[ip]` : found;
      })
    : text;
  return masked.replace(IPV4, (found, at: number) =>
    isIP(found) === 0 || NO_HOST.test(found) || isVersion(found, masked.slice(Math.max(0, at - 14), at))
      ? found
      : '[ip]',
  );
}

/** Of four small numbers, unless an address is spoken of: a private network's are small. */
const isVersion = (found: string, before: string): boolean =>
  VERSION_BEFORE.test(before) ||
  (!HOST_BEFORE.test(before) && !found.startsWith('10.') && found.split('.').every((part) => Number(part) < 30));

/** Rejects times like 10:30:15, and `::` or scores like 24::62, which are too short. */
function isAddress(found: string): boolean {
  const groups = found.split(':').filter((group) => group !== '');
  return (
    isIP(found) === 6 &&
    !NO_HOST.test(found) &&
    groups.join('').length >= 5 &&
    (groups.length >= 4 || /[a-f.]/i.test(found))
  );
}
