/** E.164: `+` or `00`, a country code, at most fifteen digits, in any grouping. */
const INTERNATIONAL = /(?<![\w.])\+[1-9]\d{0,2}(?:[ \u00a0()./-]{0,3}\d){6,13}(?!\d)/g;
const WITH_ZEROS = /(?<![\w+.])00[1-9]\d[ /-]\(?\d{2,5}\)?[ /-]\d{5,9}(?!\d)/g;
/** A national number looks like any number, so it needs a word before it. */
const LABELLED =
  /(?<![A-Za-zÀ-ž0-9])(?:tel(?:efon|ephone|efono|éfono|\.)?|téléphone|tél\.?|telefoon|(?:mobile|home|work|cell|day|evening|office)[ _-]?phone|mobiltelefon|phone|mobile?|mobil|m[oó]vil|handy|cell(?:ulare)?|portable|festnetz|durchwahl|fax|whatsapp|call(?: us| me)?|rufnummer|rappel)(?:[ _-]?(?:no|nr|number|nummer)\.?)?\\{0,3}["']?\s{0,2}(?:[:=]|is|ist|lautet|est|es|on|at|unter|au)?\s{0,2}\\{0,3}["']?(?=[(0-9])/giu;
const NATIONAL = /[(]?\d(?:[ \u00a0()./-]{0,3}\d){6,13}(?!\d)/y;
const DATE = /^(?:(?:19|20)\d\d[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)?\d\d)(?!\d|[-./]\d)/;
const UNIT = /^\s?(?:[GMT]B|mAh|px|[km]?g|[cm]?m|EUR|USD|CHF|€|\$|%(?![0-9a-f]{2}))(?!\p{L})/iu;
/** Unique forms: North America's, and German, British and French mobile numbers. */
const NATIONAL_FORMS = [
  /(?<![\w.-])\([2-9]\d\d\) ?[2-9]\d\d[ -]\d{4}(?![A-Za-z0-9-]|_\w)/g,
  /(?<![\w.+/-])01[567]\d[ /-]\d{3,4} ?\d{3,5}(?![A-Za-z0-9-]|_\w)/g,
  /(?<![\w.+/-])07\d{3} \d{3} ?\d{3}(?![A-Za-z0-9-]|_\w)/g,
  /(?<![\w.+/-])0[67](?: \d\d){4}(?! ?\d)(?![A-Za-z0-9-]|_\w)/g,
];

/** North America's numbers have eleven digits, others at least nine. Excludes fractions, coordinates and amounts. */
function isInternational(found: string): boolean {
  const digits = found.replaceAll(/\D/g, '').replace(/^00/, '');
  if (digits.startsWith('1') ? digits.length !== 11 : digits.length < 9) return false;
  return !/^\+\d{1,3}\.\d+$/.test(found) && !/^\+\d{1,3}(?:\.\d{3}){2,}$/.test(found);
}

/** Months or sizes in order: 06 07 08 09 10. */
const isCounted = (found: string): boolean =>
  found.includes(' ') &&
  found.split(' ').every((group, index, all) => index === 0 || Number(group) === Number(all[index - 1]) + 1);

/** German mobile numbers in one piece, unlike a product's number: those have a check digit, or are called so. */
const MOBILE = /(?<![\w.+/-])01(?:5[1-9]|6[023]|7\d)\d{7,8}(?![\w-]|[.,]\d)/g;
const PRODUCT_BEFORE =
  /(?:ean|upc|gtin|isbn|sku|ref|art(?:ikel|icle)?|item|order|bestell\p{L}*|auftrag\p{L}*|rechnung\p{L}*|nr|no|id|n°|#)[ .:=#-]{0,3}$/iu;

function maskMobiles(text: string): string {
  return text.replace(MOBILE, (found, at: number) =>
    (found.length === 12 && upcHolds(found)) || PRODUCT_BEFORE.test(text.slice(Math.max(0, at - 24), at))
      ? found
      : '[phone]',
  );
}

const upcHolds = (digits: string): boolean =>
  [...digits].reduce((sum, digit, index) => sum + Number(digit) * (index % 2 === 0 ? 3 : 1), 0) % 10 === 0;

/** International numbers anywhere, national ones after a word like "phone". */
export function maskPhones(text: string): string {
  const formed = [INTERNATIONAL, WITH_ZEROS].reduce(
    (masked, form) => masked.replace(form, (found) => (isInternational(found) ? '[phone]' : found)),
    text,
  );
  const international = NATIONAL_FORMS.reduce(
    (masked, form) => masked.replace(form, (found) => (isCounted(found) ? found : '[phone]')),
    formed,
  );
  let masked = '';
  let done = 0;
  for (const { 0: label, index } of international.matchAll(LABELLED)) {
    const at = index + label.length;
    if (at < done) continue;
    NATIONAL.lastIndex = at;
    const found = NATIONAL.exec(international)?.[0];
    if (found === undefined || found.length > 24 || DATE.test(found)) continue;
    const end = at + found.length;
    if (UNIT.test(international.slice(end, end + 8))) continue;
    masked += `${international.slice(done, at)}[phone]`;
    done = end;
  }
  return maskMobiles(masked + international.slice(done));
}

const WEIGHTS_BSN = [9, 8, 7, 6, 5, 4, 3, 2, -1];
const WEIGHTS_PESEL = [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1];
const SPANISH = 'TRWAGMYFPDXBNJZSQVHLCKE';

/** By form and, if they have one, check digit. */
const NATIONAL_IDS: { form: RegExp; holds: (digits: string, found: string) => boolean }[] = [
  // United States (SSN).
  { form: /(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![A-Za-z0-9-]|_\w)/g, holds: () => true },
  // United Kingdom (NINO).
  {
    form: /(?<![A-Za-z0-9])(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D](?![A-Za-z0-9])/g,
    holds: () => true,
  },
  // Spain (DNI, NIE).
  {
    form: /(?<![A-Za-z0-9])(?:\d{8}|[XYZ]-?\d{7})-?[A-Z](?![A-Za-z0-9])/g,
    holds: (_, found) => {
      const plain = found.replaceAll('-', '');
      const number = Number(plain.slice(0, -1).replace('X', '0').replace('Y', '1').replace('Z', '2'));
      return SPANISH[number % 23] === plain.at(-1);
    },
  },
  // Switzerland (AHV).
  { form: /(?<![\w.])756\.?\d{4}\.?\d{4}\.?\d{2}(?![\w.]\d|\d)/g, holds: (digits) => ean13Holds(digits) },
  // France (NIR).
  {
    form: /(?<![\w.])[12] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?\d\d ?\d{3} ?\d{3} ?\d\d(?!\w)/g,
    holds: (digits) => 97 - (Number(digits.slice(0, 13)) % 97) === Number(digits.slice(13)),
  },
  // Brazil (CPF).
  { form: /(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d\d(?![A-Za-z0-9-]|_\w)/g, holds: (digits) => cpfHolds(digits) },
  // Italy (codice fiscale).
  {
    form: /(?<![A-Za-z0-9])[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z](?![A-Za-z0-9])/g,
    holds: (_, found) => fiscalCodeHolds(found),
  },
];

/** They need their name before them. */
const NAMED_IDS =
  /(?:bsn|pesel|steuer-?id(?:nr|entifikationsnummer)?|steuerliche identifikationsnummer|burgerservicenummer|personnummer|ssn|social security(?: number| no\.?)?)\\{0,3}["']?\s{0,2}[:=#]?\s{0,2}\\{0,3}["']?(?:is |lautet )?(?=\d)/gi;
const NAMED_DIGITS = /\d(?:[ -]?\d){8,11}(?!\d)/y;

export function maskNationalIds(text: string): string {
  let masked = text;
  for (const { form, holds } of NATIONAL_IDS)
    masked = masked.replace(form, (found) => (holds(found.replaceAll(/\D/g, ''), found) ? '[id]' : found));
  let out = '';
  let done = 0;
  for (const { 0: label, index } of masked.matchAll(NAMED_IDS)) {
    const at = index + label.length;
    if (at < done) continue;
    NAMED_DIGITS.lastIndex = at;
    const found = NAMED_DIGITS.exec(masked)?.[0];
    if (found === undefined || !isNamedId(label.toLowerCase(), found.replaceAll(/\D/g, ''))) continue;
    out += `${masked.slice(done, at)}[id]`;
    done = at + found.length;
  }
  return out + masked.slice(done);
}

function isNamedId(label: string, digits: string): boolean {
  if (label.startsWith('bsn') || label.startsWith('burger'))
    return digits.length === 9 && weighted(digits, WEIGHTS_BSN) % 11 === 0;
  if (label.startsWith('pesel')) return digits.length === 11 && weighted(digits, WEIGHTS_PESEL) % 10 === 0;
  return digits.length >= 9;
}

const weighted = (digits: string, weights: readonly number[]): number =>
  weights.reduce((sum, weight, index) => sum + weight * Number(digits[index]), 0);

const ean13Holds = (digits: string): boolean =>
  digits.length === 13 &&
  [...digits].reduce((sum, digit, index) => sum + Number(digit) * (index % 2 === 0 ? 1 : 3), 0) % 10 === 0;

/** Each check digit is the remainder by eleven of the digits before it, weighted from the right with 2, 3, …. */
const cpfHolds = (digits: string): boolean =>
  [9, 10].every((place) => {
    const sum = [...digits.slice(0, place)].reduce(
      (total, digit, index) => total + Number(digit) * (place + 1 - index),
      0,
    );
    return ((sum * 10) % 11) % 10 === Number(digits[place]);
  });

const ODD = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

/** The last letter checks the others; odd places have their own table. */
function fiscalCodeHolds(code: string): boolean {
  const weightOf = (character: string): number =>
    /\d/.test(character) ? Number(character) : character.charCodeAt(0) - 'A'.charCodeAt(0);
  const sum = [...code.slice(0, 15)].reduce(
    (total, character, index) => total + (index % 2 === 0 ? (ODD[weightOf(character)] ?? 0) : weightOf(character)),
    0,
  );
  return sum % 26 === weightOf(code.at(-1) ?? '');
}
