import fc from 'fast-check';
import { maskText } from '../../src/mask.ts';

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const LOWER = UPPER.toLowerCase();
const DIGITS = '0123456789';
const from = (alphabet: string, length: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...alphabet), { minLength: length, maxLength: length }).map((all) => all.join(''));
const hex = (length: number) => from('0123456789abcdef', length);
const word = (length: number) => from(UPPER + LOWER + DIGITS, length);
const base64 = (length: number) => from(`${UPPER}${LOWER}${DIGITS}+/`, length);
const url = (length: number) => from(`${UPPER}${LOWER}${DIGITS}-_`, length);
const digits = (length: number) => from(DIGITS, length);
const joined = (...parts: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> =>
  fc.tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part))).map((all) => all.join(''));
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The digit that makes a number pass Luhn's check. */
function withLuhn(number: string): string {
  const sum = [...number].reverse().reduce((total, digit, index) => {
    const doubled = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return `${number}${(10 - (sum % 10)) % 10}`;
}

const grouped = (number: string, sizes: number[], separator: string): string =>
  sizes.map((size, index) => number.slice(sum(sizes, index), sum(sizes, index) + size)).join(separator);

const sum = (sizes: number[], count: number): number => sizes.slice(0, count).reduce((total, size) => total + size, 0);

function withIbanCheck(country: string, account: string): string {
  const numeric = [...`${account}${country}00`].map((character) => Number.parseInt(character, 36)).join('');
  return `${country}${String(98n - (BigInt(numeric) % 97n)).padStart(2, '0')}${account}`;
}

/** One arbitrary for each kind of secret or personal data that is promised to be found, by its vendor's documented form. */
export const PLANTED: Record<string, fc.Arbitrary<string>> = {
  'OpenAI project key': joined('sk-proj-', url(74), 'T3BlbkFJ', url(74)),
  'OpenAI key': joined('sk-', word(20), 'T3BlbkFJ', word(20)),
  'Anthropic key': joined('sk-ant-api03-', url(93), 'AA'),
  'HubSpot token': joined('pat-', fc.constantFrom('na1', 'eu1', 'ap1'), '-', fc.uuid()),
  'Slack bot token': joined('xoxb-', digits(12), '-', digits(13), '-', word(24)),
  'Slack app token': joined('xapp-1-A', from(UPPER + DIGITS, 10), '-', digits(13), '-', hex(64)),
  'Slack web hook': joined('https://hooks.slack.com/services/T', from(UPPER, 8), '/B', from(UPPER, 8), '/', word(24)),
  'GitHub token': joined(fc.constantFrom('ghp_', 'gho_', 'ghs_', '_ghp_'), word(36)),
  'GitHub fine-grained token': joined('github_pat_', word(22), '_', word(59)),
  'GitLab token': joined('glpat-', url(20)),
  'AWS key id': joined('AKIA', from(`${UPPER}234567`, 16)),
  'AWS secret key': joined('aws_secret_access_key = ', base64(40)),
  'Google API key': joined('AIza', url(35)),
  'Google access token': joined('ya29.', url(60)),
  'Stripe key': joined(fc.constantFrom('sk_live_', 'rk_live_', 'sk_test_'), word(24)),
  'SendGrid key': joined('SG.', url(22), '.', url(43)),
  'Twilio key': joined('SK', hex(32)),
  'GitLab routable token': joined('glpat-', url(27), '.01.', from(LOWER + DIGITS, 9)),
  'Docker token': joined('dckr_pat_', url(27)),
  'Azure client secret': joined(word(3), '8Q~', from(`${UPPER}${LOWER}${DIGITS}_-`, 34)),
  'Azure storage key': joined('AccountKey=', base64(86), '=='),
  'Shopify token': joined('shpat_', hex(32)),
  'Supabase token': joined('sbp_', hex(40)),
  'Facebook token': joined('EAA', word(100)),
  'Discord bot token': joined('M', word(23), '.', url(6), '.', url(38)),
  'Figma token': joined('figd_', url(40)),
  'Notion token': joined('ntn_', word(46)),
  'Airtable token': joined('pat', word(14), '.', hex(64)),
  'Brevo key': joined('xkeysib-', hex(64), '-', word(16)),
  'Mailchimp key': joined(hex(32), '-us', from('123456789', 2)),
  'WordPress application password': fc
    .array(word(4), { minLength: 6, maxLength: 6 })
    .map((groups) => `Application password: ${groups.join(' ')}`),
  'session cookie': joined('Cookie: PHPSESSID=', from(LOWER + DIGITS, 26)),
  'encrypted JSON Web Token': fc
    .tuple(url(60), url(16), url(80), url(22))
    .map((parts) => [encoded({ alg: 'RSA-OAEP', enc: 'A256GCM' }), ...parts].join('.')),
  'npm token': joined('npm_', word(36)),
  'Hugging Face token': joined('hf_', from(UPPER + LOWER, 34)),
  'Telegram bot token': joined(
    digits(9).map((id) => `1${id.slice(1)}`),
    ':AA',
    url(33),
  ),
  'WooCommerce key': joined(fc.constantFrom('ck_', 'cs_'), hex(40)),
  'JSON Web Token': fc
    .tuple(fc.uuid(), url(43))
    .map(([sub, signature]) => `${encoded({ alg: 'RS256' })}.${encoded({ sub, iat: 1780000000 })}.${signature}`),
  'Bearer token': joined('Bearer ', word(39), '7'),
  'Basic credentials': fc
    .tuple(from(LOWER, 6), from(LOWER + DIGITS, 12))
    .map(([user, password]) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`),
  'private key': base64(640).map(
    (body) => `-----BEGIN PRIVATE KEY-----\n${(body.match(/.{64}/g) ?? []).join('\n')}\n-----END PRIVATE KEY-----`,
  ),
  'password in a query': joined('password=', word(12)),
  'password in JSON': joined('"password": "', word(12), '"'),
  'user and password in a URL': joined('https://', from(LOWER, 6), ':', word(10), '@', from(LOWER, 8), '/x'),
  'e-mail address': fc.emailAddress().filter((email) => /^[\w.+-]+@/.test(email)),
  'e-mail address with a hidden character': joined(
    from(LOWER, 8),
    '@',
    from(LOWER, 4),
    '\u200b',
    from(LOWER, 4),
    '.example',
  ),
  'e-mail address in words': joined(from(LOWER, 8), ' (at) ', from(LOWER, 8), '.example'),
  'wide card number': digits(14).map((rest) =>
    [...withLuhn(`4${rest}`)].map((digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)).join(''),
  ),
  'percent-encoded e-mail address': joined(from(LOWER, 8), '%40', from(LOWER, 8), '.example'),
  card: digits(14).map((rest) => withLuhn(`4${rest}`)),
  'grouped card': fc
    .tuple(digits(13), fc.constantFrom(' ', '-', '.', '\u00a0', '\u202f'))
    .map(([rest, separator]) => grouped(withLuhn(`51${rest}`), [4, 4, 4, 4], separator)),
  IBAN: digits(18).map((account) => withIbanCheck('DE', account)),
  'grouped IBAN': digits(18).map((account) => grouped(withIbanCheck('DE', account), [4, 4, 4, 4, 4, 2], ' ')),
  'phone number': joined('+49 15', digits(1), ' ', digits(8)),
  'French phone number': joined('+33 6 ', digits(2), ' ', digits(2), ' ', digits(2), ' ', digits(2)),
  'American phone number': joined('+1 202-555-', digits(4)),
  'German mobile number': joined('0151 ', digits(8)),
  'labelled phone number': joined('Tel.: 030/', digits(7)),
  'phone number with brackets': joined('+44 (0)20 ', digits(4), ' ', digits(4)),
  'US social security number': joined('5', digits(2), '-1', digits(1), '-1', digits(3)),
  'IPv4 address': fc.ipV4().filter((ip) => !/^(?:0|127|255)\./.test(ip)),
  'IPv6 address': joined('2001:db8:', hex(4), ':', hex(4), '::', hex(4)),
};

const LABELS = new Set([
  'aws_secret_access_key',
  'password',
  'Application',
  'AccountKey',
  'PHPSESSID',
  'Cookie',
  'Tel.',
]);

/** What of a planted text must not be seen afterwards: its longest piece that is not a label. */
export const coreOf = (planted: string): string =>
  [...planted.matchAll(/[^\s"=@:/]+/g)]
    .map(([piece]) => piece)
    .filter((piece) => !LABELS.has(piece))
    .sort((one, other) => other.length - one.length)[0] ?? planted;

/** The share of planted texts, of each kind, that masking leaves no trace of. */
export function shareFound(kind: string, count: number, seed: number): number {
  const arbitrary = PLANTED[kind];
  if (arbitrary === undefined) throw new Error(`no kind ${kind}`);
  const samples = fc.sample(arbitrary, { numRuns: count, seed });
  const missed = samples.filter((planted) => maskText(`The value is ${planted} as sent.`).includes(coreOf(planted)));
  return 1 - missed.length / count;
}
