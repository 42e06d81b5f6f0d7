import { maskEmails, maskIpAddresses, maskUserInfo } from './addresses.ts';
import { isSecretName, maskLabelled } from './labelled.ts';
import { isCardNumber, maskCards, maskIbans } from './numbers.ts';
import { maskNationalIds, maskPhones } from './persons.ts';
import { maskPrivateKeys } from './private-keys.ts';
import { maskTokens } from './tokens.ts';

/** Patterns of a whole form precede those that match a part of it; private keys, which hold escapes, come first. */
const DETECTORS = [
  maskTokens,
  maskUserInfo,
  maskLabelled,
  maskEmails,
  maskIbans,
  maskPhones,
  maskCards,
  maskNationalIds,
  maskIpAddresses,
];

/**
 * Masks secrets and personal data in texts for people: `[secret]`, `[email]`, `[card]`, `[iban]`, `[phone]`, `[id]`,
 * `[ip]`. Linear time for any input; idempotent.
 */
export function maskText(text: string): string {
  const masked = detected(text);
  if (!HIDING.test(text)) return masked;
  const plain = text
    .replaceAll(INVISIBLE, '')
    .replaceAll(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0));
  const found = detected(plain);
  return found === plain ? masked : found;
}

function detected(text: string): string {
  const separated = maskPrivateKeys(text).replaceAll(ESCAPE, `$&${BORDER}`);
  return DETECTORS.reduce((masked, detector) => detector(masked), separated).replaceAll(BORDER, '');
}

/**
 * Escaped blanks, quotes and signs, and Markdown's emphasis: a secret behind one of JSON in JSON, or in a URL, is not a part of a longer word. Not
 * an escaped @ or dot, which are in addresses.
 */
const ESCAPE =
  /\\(?:[nrtfbv]|u00(?:0[9ad]|2[02-9ac]|3[a-f]|5[bcd]|7[b-d])|x(?:0[9ad]|2[02-9ac]|3[a-f]))|%(?:25)?(?:0[9ad]|2[02-9acf]|3[a-f]|5[bcd]|7[b-d])|=(?:3D|0A|09|2[0-2])|(?<=^|[\s("'*>[|,;:])_{1,2}(?=[A-Za-z0-9+(])/gi;
/** A noncharacter, which no text holds and no pattern of a secret allows. */
const BORDER = '\ufdd0';

/** Invisible characters and wide forms of ASCII, which may be inside a secret. */
const HIDING = /[\u00ad\u200b-\u200f\u2060-\u2064\ufeff\uff01-\uff5e]/;
const INVISIBLE = /[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]/g;

/** Masks every text, number and member name, and the value of a member like `password`; keeps the structure. */
export function maskValue(value: unknown): unknown {
  if (typeof value === 'string') return maskText(value);
  if (typeof value === 'number' || typeof value === 'bigint') return isCardNumber(String(value)) ? '[card]' : value;
  if (Array.isArray(value)) return value.map(maskValue);
  if (typeof value !== 'object' || value === null) return value;
  // A number beyond a double. Data may have a member of this name, too.
  if ('toJSON' in value && typeof value.toJSON === 'function') return isCardNumber(String(value)) ? '[card]' : value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      maskText(name),
      isSecretName(name) ? maskSecret(member) : maskValue(member),
    ]),
  );
}

function maskSecret(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskSecret);
  return (typeof value === 'string' && value !== '') || typeof value === 'number' ? '[secret]' : maskValue(value);
}
