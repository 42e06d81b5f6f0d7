import { maskEmails, maskIpAddresses, maskUserInfo } from './addresses.ts';
import { isSecretName, maskLabelled } from './labelled.ts';
import { isCardNumber, maskCards, maskIbans } from './numbers.ts';
import { maskNationalIds, maskPhones } from './persons.ts';
import { maskPrivateKeys } from './private-keys.ts';
import { maskTokens } from './tokens.ts';

/** In this order: patterns of a whole form come before those that match a part of it. */
const DETECTORS = [
  maskPrivateKeys,
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
 * Masks secrets and personal data in a text that people will look at: `[secret]`, `[email]`, `[card]`, `[iban]`, `[phone]`, `[id]`,
 * `[ip]`. Takes time in proportion to the text, whatever it holds. Masking twice changes nothing more.
 */
export const maskText = (text: string): string => DETECTORS.reduce((masked, detector) => detector(masked), text);

/** Masks every text, number and member name of a JSON value, and the value of a name like `password`; the form stays. */
export function maskValue(value: unknown): unknown {
  if (typeof value === 'string') return maskText(value);
  if (typeof value === 'number' || typeof value === 'bigint') return isCardNumber(String(value)) ? '[card]' : value;
  if (Array.isArray(value)) return value.map(maskValue);
  if (typeof value !== 'object' || value === null) return value;
  // A number that no double holds. Data may have a member of this name, too.
  if ('toJSON' in value && typeof value.toJSON === 'function') return isCardNumber(String(value)) ? '[card]' : value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      maskText(name),
      isSecretName(name) && isScalar(member) ? '[secret]' : maskValue(member),
    ]),
  );
}

const isScalar = (value: unknown): boolean => (typeof value === 'string' && value !== '') || typeof value === 'number';
