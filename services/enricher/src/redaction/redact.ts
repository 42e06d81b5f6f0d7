/** What is masked in an answer. */
export interface Redaction {
  /** Masked wherever they occur, in whole: the vendors' own secrets. */
  secrets: readonly string[];
  keepEmails: boolean;
}

const KEY_FORMS = [
  // JSON Web Tokens and whatever follows Bearer or Basic.
  /\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*/g,
  /\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}/gi,
  // OpenAI and Anthropic, HubSpot, Slack, GitHub, AWS, Google, Stripe, Standard Webhooks.
  /\bsk-[\w-]{12,}/g,
  /\bpat-[\w-]{12,}/g,
  /\bxox[a-z]-[\w-]{8,}/g,
  /\bgh[opsur]_\w{20,}/g,
  /\bgithub_pat_\w{20,}/g,
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g,
  /\bAIza[\w-]{35}/g,
  /\b[rs]k_(?:live|test)_\w{10,}/g,
  /\bwhsec_[\w+/=-]{16,}/g,
];
// Found from the @ on, and then backwards: from the front, each letter of a long text would be the start of another try.
const AT_DOMAIN = /@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu;
const LOCAL_PART = /[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]/u;
const MAX_LOCAL_PART = 64;
const [SHORTEST_CARD, LONGEST_CARD] = [13, 19];
const ZERO = 48;
const DIGIT_RUN = /\d(?:[ -]?\d){12,}/g;
// The card schemes' first digits and lengths: a bare Luhn check would take one time stamp in ten for a card.
const CARD_NUMBER =
  /^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17})$/;

/** Masks secrets, card numbers and, unless kept, e-mail addresses in a text. Masking twice changes nothing more. */
export function redactText(text: string, { secrets, keepEmails }: Redaction): string {
  let masked = text;
  for (const secret of secrets) if (secret.length >= 6) masked = masked.replaceAll(secret, '[secret]');
  for (const form of KEY_FORMS) masked = masked.replace(form, '[secret]');
  masked = masked.replace(DIGIT_RUN, maskCards);
  return keepEmails ? masked : maskEmails(masked);
}

/** Masks every text, number and member name of a JSON value; its form stays. */
export function redactValue(value: unknown, redaction: Redaction): unknown {
  if (typeof value === 'string') return redactText(value, redaction);
  if (typeof value === 'number') return isCardNumber(String(value)) ? '[card]' : value;
  if (Array.isArray(value)) return value.map((item) => redactValue(item, redaction));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [redactText(name, redaction), redactValue(member, redaction)]),
  );
}

function maskEmails(text: string): string {
  let masked = '';
  let done = 0;
  for (const { 0: domain, index: at } of text.matchAll(AT_DOMAIN)) {
    let start = at;
    while (start > done && at - start < MAX_LOCAL_PART && LOCAL_PART.test(text[start - 1] ?? '')) start--;
    if (start === at) continue;
    masked += `${text.slice(done, start)}[email]`;
    done = at + domain.length;
  }
  return masked + text.slice(done);
}

/** Masks the card numbers in a run of digits in groups: other numbers may stand before and after. */
function maskCards(run: string): string {
  const places = [...run].flatMap((character, place) => (character >= '0' && character <= '9' ? [place] : []));
  const digits = places.map((place) => run[place]).join('');
  const begins = (index: number): boolean => places[index] !== (places[index - 1] ?? -2) + 1;
  let masked = '';
  let done = 0;
  for (let first = 0; first < digits.length; first++) {
    if (!begins(first)) continue;
    for (let length = LONGEST_CARD; length >= SHORTEST_CARD; length--) {
      const next = first + length;
      if (next > digits.length || (next < digits.length && !begins(next))) continue;
      if (!isCardNumber(digits.slice(first, next))) continue;
      masked += `${run.slice(done, places[first])}[card]`;
      done = (places[next - 1] ?? 0) + 1;
      first = next - 1;
      break;
    }
  }
  return masked + run.slice(done);
}

const isCardNumber = (digits: string): boolean => CARD_NUMBER.test(digits) && luhnHolds(digits);

/** By character codes: a text of nothing but digits that begin a card number asks for this at each of them. */
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
