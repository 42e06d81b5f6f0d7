import { isValidIBAN } from 'ibantools';

const [SHORTEST_CARD, LONGEST_CARD] = [14, 19];
const ZERO = 48;
/** Digits with blanks of any kind, dashes or dots between, as in PDF files. */
const DIGIT_RUN =
  /\d(?:(?:[ .+\u00a0\u2007-\u200a\u2009\u202f\u2010-\u2015\u2212-]{0,2}|&nbsp;|&#160;|%20\ufdd0?)\d){13,}/g;
// The card schemes' first digits and lengths: a Luhn check alone would match one time stamp in ten. Without Visa's
// obsolete 13 digits, which German article numbers (EAN) share.
const CARD_NUMBER =
  /^(?:4\d{15}(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17})$/;

export const maskCards = (text: string): string =>
  text.replace(DIGIT_RUN, (run, at: number) =>
    // In the middle of a hash.
    isLetter(text[at - 1]) && isLetter(text[at + run.length]) ? run : maskRun(run),
  );

const ENCODED_BLANK = /&nbsp;|&#160;|%20\ufdd0?/g;

const isLetter = (character = ''): boolean => /[A-Za-z]/.test(character);

export const isCardNumber = (digits: string): boolean => CARD_NUMBER.test(digits) && luhnHolds(digits);

function maskRun(run: string): string {
  // As long, so that places stay.
  const plain = run.replaceAll(ENCODED_BLANK, (blank) => ' '.repeat(blank.length));
  const places = [...plain].flatMap((character, place) => (character >= '0' && character <= '9' ? [place] : []));
  const digits = places.map((place) => run[place]).join('');
  const begins = (index: number): boolean => places[index] !== (places[index - 1] ?? -2) + 1;
  let masked = '';
  let done = 0;
  for (let first = 0; first < digits.length; first++) {
    if (!begins(first)) continue;
    for (let length = LONGEST_CARD; length >= SHORTEST_CARD; length--) {
      const next = first + length;
      if (next > digits.length || (next < digits.length && !begins(next))) continue;
      if (!isCardNumber(digits.slice(first, next)) || !isGroupedAsCard(plain, places, { first, next })) continue;
      masked += `${run.slice(done, places[first])}[card]`;
      done = (places[next - 1] ?? 0) + 1;
      first = next - 1;
      break;
    }
  }
  return masked + run.slice(done);
}

/**
 * A card is one piece, or groups of three to seven digits. Groups of one or two are a phone number's, a date's or an
 * amount's, and a fraction follows a digit and a point.
 */
function isGroupedAsCard(
  run: string,
  places: readonly number[],
  { first, next }: { first: number; next: number },
): boolean {
  const [start, end] = [places[first] ?? 0, (places[next - 1] ?? 0) + 1];
  const groups = run.slice(start, end).split(/\D+/);
  // Dots are a fraction's, too, one of several in a drawing.
  if (run.slice(start, end).includes('.') && (run[start - 1] === '.' || groups[0]?.length !== 4)) return false;
  if (groups.length === 1) return run[start - 1] !== '.' && run[end] !== '.';
  return groups.every((group) => group.length >= 3 && group.length <= 7);
}

/** By character codes, because a text of digits asks for this at each of them. */
function luhnHolds(digits: string): boolean {
  let sum = 0;
  let isDoubled = false;
  for (let index = digits.length - 1; index >= 0; index--) {
    const digit = (digits.charCodeAt(index) - ZERO) * (isDoubled ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
    isDoubled = !isDoubled;
  }
  return sum % 10 === 0;
}

const IBAN = /(?<![A-Za-z0-9])[A-Z]{2}\d\d(?:[ .\u00a0\u202f-]?[A-Z0-9]){11,30}/gi;
const SHORTEST_IBAN = 15;

/** Country, length and check digits must agree. */
export function maskIbans(text: string): string {
  let masked = '';
  let done = 0;
  IBAN.lastIndex = 0;
  for (let found = IBAN.exec(text); found !== null; found = IBAN.exec(text)) {
    const { 0: run, index } = found;
    const length = validLength(run);
    // An IBAN may follow what looked like one.
    IBAN.lastIndex = index + (length ?? 2);
    if (length === undefined) continue;
    masked += `${text.slice(done, index)}[iban]`;
    done = index + length;
  }
  return masked + text.slice(done);
}

/** The next group may look like a part: the longest valid piece counts. */
function validLength(run: string): number | undefined {
  for (let end = run.length; end >= SHORTEST_IBAN; end--) {
    const piece = run.slice(0, end);
    if (!/[A-Za-z0-9]$/.test(piece) || isMixedCase(piece)) continue;
    if (isValidIBAN(piece.replaceAll(/[^A-Za-z0-9]/g, '').toUpperCase())) return end;
  }
  return undefined;
}

/** As in base64, where one piece in some thousand has an IBAN's check digits. */
const isMixedCase = (piece: string): boolean => /[a-z]/.test(piece.slice(2)) && /[A-Z]/.test(piece.slice(2));
