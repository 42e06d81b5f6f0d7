import { domainToASCII, domainToUnicode } from 'node:url';

// Searched from the @ backwards: from the front, each letter of a long text would begin another try.
const DOMAIN = /@[\p{L}\p{M}\p{N}-]{1,63}(?:\.[\p{L}\p{M}\p{N}-]{1,63}){1,8}/gu;
/** Characters of common local parts. */
const INNER = /[\p{L}\p{M}\p{N}._+-]/u;
/** RFC 5322 allows them; in a text they mostly precede an address, as in `email=`. */
const OUTER = /[!#$%&'*/=?^`{|}~]/u;
const MAX_LOCAL_PART = 64;

/** True if the text is exactly one address. Never throws. */
export function isAddress(text: string): boolean {
  const whole = folded(text);
  const [domain, ...others] = whole.matchAll(DOMAIN);
  if (domain === undefined || others.length > 0 || domain.index + domain[0].length !== whole.length) return false;
  const local = [...whole.slice(0, domain.index)];
  return local.length > 0 && local.length <= MAX_LOCAL_PART && local.every((one) => INNER.test(one) || OUTER.test(one));
}

/**
 * The addresses in a text, in lower case and Unicode's form NFKC, decoded from JSON, HTML or URL escapes, without
 * invisible characters. If a preceding character may belong to an address, yields the form without it too.
 */
export function* addressesIn(text: string): Generator<string> {
  const plain = folded(text);
  const unescaped = folded(withoutEscapes(text));
  for (const view of new Set([plain, unescaped]))
    for (const { 0: domain, index } of view.matchAll(DOMAIN))
      for (const local of localsBefore(view, index)) yield local + domain;
}

function* localsBefore(text: string, at: number): Generator<string> {
  const least = Math.max(0, at - MAX_LOCAL_PART);
  let start = at;
  while (start > least) {
    const before = text[start - 1] ?? '';
    if (!INNER.test(before) && !isSurrogate(before)) {
      if (start < at) yield* bare(text.slice(start, at));
      if (!OUTER.test(before)) return;
    }
    start--;
  }
  if (start < at) yield* bare(text.slice(start, at));
}

const isSurrogate = (unit: string): boolean => unit >= '\ud800' && unit <= '\udfff';

/** A local part has no dot at its beginning and no two together. */
function* bare(local: string): Generator<string> {
  const part = local.split('..').at(-1) ?? '';
  yield part;
  const stripped = part.replace(/^[._+-]+/, '');
  if (stripped !== part && stripped !== '') yield stripped;
}

/**
 * Comparable forms of an address: its domain in Unicode and in ASCII, NFC and NFD. With `isFound`, a sub-address
 * (`ada+shop@…`) also has the forms of its main address.
 */
export function formsOf(address: string, isFound = false): string[] {
  const whole = folded(address);
  const at = whole.lastIndexOf('@');
  const [local, domain] = [whole.slice(0, at), whole.slice(at + 1)];
  const plus = local.indexOf('+');
  const locals = isFound && plus > 0 ? [local, local.slice(0, plus)] : [local];
  const domains = [domain, domainToASCII(domain), domainToUnicode(domain)].filter((form) => form !== '');
  const forms = locals.flatMap((one) => domains.map((other) => `${one}@${other}`));
  return [...new Set(forms.flatMap((form) => [form, form.normalize('NFD')]))];
}

// Soft hyphen, zero-width characters and joiners, marks of direction, byte order marks.
const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;

function folded(text: string): string {
  return text.normalize('NFKC').replace(INVISIBLE, '').toLowerCase();
}

const NAMED: Readonly<Record<string, string>> = {
  ...{
    commat: '@',
    period: '.',
    plus: '+',
    lowbar: '_',
    hyphen: '-',
    dash: '-',
    amp: '&',
    shy: '',
    ZeroWidthSpace: '',
  },
};
const ESCAPE = /\\+u([0-9a-f]{4})|&#(\d{1,7});?|&#x([0-9a-f]{1,6});?|&([a-z]{3,14});|((?:%[0-9a-f]{2})+)/gi;
/** Nested escapes, as of a URL in HTML in JSON. */
const MAX_NESTED = 4;

function withoutEscapes(text: string): string {
  let resolved = text;
  for (let depth = 0; depth < MAX_NESTED; depth++) {
    const next = resolved.replace(ESCAPE, (written, unit, decimal, hex, name, percent) => {
      if (unit !== undefined) return String.fromCharCode(Number.parseInt(unit, 16));
      if (decimal !== undefined) return characterOf(Number(decimal)) ?? written;
      if (hex !== undefined) return characterOf(Number.parseInt(hex, 16)) ?? written;
      if (name !== undefined) return Object.hasOwn(NAMED, name) ? (NAMED[name] ?? written) : written;
      return Buffer.from(String(percent).replaceAll('%', ''), 'hex').toString('utf8');
    });
    if (next === resolved) return next;
    resolved = next;
  }
  return resolved;
}

const characterOf = (point: number): string | undefined =>
  point > 0 && point <= 0x10_ff_ff ? String.fromCodePoint(point) : undefined;
