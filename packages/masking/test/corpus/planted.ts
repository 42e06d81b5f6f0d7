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
/** Drawn in such a way that both cases and digits alternate. */
const mixed = (length: number) =>
  fc
    .array(fc.tuple(from(UPPER, 1), from(DIGITS, 1), from(LOWER, 1)), { minLength: length, maxLength: length })
    .map((all) => all.flat().join('').slice(0, length));
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
  'Together key': joined('tgp_v1_', url(43)),
  'Fireworks key': joined('fw_', mixed(24)),
  'NVIDIA key': joined('nvapi-', url(64)),
  'Jina key': joined('jina_', hex(32), word(28)),
  'Tavily key': joined('tvly-dev-', mixed(32)),
  'Pinecone key': joined('pcsk_', word(6), '_', word(63)),
  'ElevenLabs key': joined('sk_', hex(48)),
  'LiteLLM key': joined('sk-', mixed(22)),
  'Bedrock key': joined('ABSK', base64(108), '='),
  'Azure key': joined(word(52), 'JQQJ99', word(26)),
  'Salesforce session': joined('00D', word(12), '!AR8AQ', word(90)),
  'Zoho token': joined('1000.', hex(32), '.', hex(32)),
  'Mailgun key': joined(hex(32), '-', hex(8), '-', hex(8)),
  'Klaviyo key': joined('pk_', hex(34)),
  'Intercom token': joined('dG9rOj', base64(53), '='),
  'Teams web hook': joined(
    'https://a.webhook.office.com/webhookb2/',
    fc.uuid(),
    '@',
    fc.uuid(),
    '/IncomingWebhook/',
    hex(32),
  ),
  'Discord web hook': joined('https://canary.discord.com/api/v10/webhooks/', digits(19), '/', url(68)),
  'Zapier web hook': joined('https://hooks.zapier.com/hooks/catch/', digits(8), '/', word(7)),
  'Make web hook': joined('https://hook.eu2.make.com/', from(LOWER + DIGITS, 32)),
  'Telegram address': joined('https://api.telegram.org/bot7', digits(9), ':AA', url(33), '/sendMessage'),
  'Stripe organisation key': joined('sk_org_live_', word(40)),
  'PayPal token': joined('access_token$production$', from(LOWER + DIGITS, 16), '$', hex(32)),
  'Mollie key': joined('live_', mixed(30)),
  'Plaid token': joined('access-production-', fc.uuid()),
  'Square token': joined('EAAA', url(60)),
  'Firebase key': joined('AAAA', url(7), ':APA91b', url(134)),
  'Sonar token': joined('squ_', hex(40)),
  'ClickUp token': joined('pk_', digits(8), '_', from(UPPER + DIGITS, 32)),
  'Asana token': joined('2/', digits(16), '/', digits(16), ':', hex(32)),
  'Ghost key': joined(hex(24), ':', hex(64)),
  'NuGet key': joined('oy2', from(LOWER + DIGITS, 43)),
  'Contentful token': joined('CFPAT-', url(43)),
  'LinkedIn secret': joined('WPL_AP1.', word(16), '.', base64(8), '=='),
  'WordPress cookie': joined('wordpress_logged_in_', hex(32), '=ada%7C', digits(10), '%7C', word(43), '%7C', hex(64)),
  'salt of WordPress': joined("define( 'AUTH_SALT',  '", base64(60), "!' );"),
  'password in XML': joined('<password>', word(12), '</password>'),
  'password of curl': joined('curl -u ada:', word(13), '7 https://x.example'),
  'key of PuTTY': joined('Private-Lines: 1\n', base64(44), '\nPrivate-MAC'),
  'card with entities': digits(14).map((rest) => grouped(withLuhn(`4${rest}`), [4, 4, 4, 4], '&nbsp;')),
  'card in a form': digits(14).map((rest) => grouped(withLuhn(`4${rest}`), [4, 4, 4, 4], '+')),
  'IBAN with dots': digits(18).map((account) => grouped(withIbanCheck('DE', account), [4, 4, 4, 4, 4, 2], '.')),
  'labelled French number': joined('Tél : 01.', digits(2), '.', digits(2), '.', digits(2), '.', digits(2)),
  'labelled Spanish number': joined('móvil 6', digits(2), '-', digits(3), '-', digits(3)),
  'phone number in JSON': joined('"phone_number": "030', digits(7), '"'),
  'phone number in a sentence': joined('Meine Telefonnummer ist 0221/', digits(7)),
  'British mobile number': joined('07700 900', digits(3)),
  'labelled IPv6 address': joined('ip:2a02:8109:9c40:', hex(4), ':1:2:3:4'),
  'IPv4 address behind a colon': joined('client:84.1', digits(2), '.133.71'),
};

const LABELS = new Set([
  'aws_secret_access_key',
  'password',
  'Application',
  'AccountKey',
  'PHPSESSID',
  'Cookie',
  'Tel.',
  ...['AUTH_SALT', 'Private-Lines', 'Private-MAC', 'Telefonnummer', 'phone_number', 'IncomingWebhook', 'sendMessage'],
  ...[
    'a.webhook.office.com',
    'canary.discord.com',
    'hooks.zapier.com',
    'hook.eu2.make.com',
    'api.telegram.org',
    'x.example',
  ],
]);

/** What of a planted text must not be seen afterwards: its longest piece that is not a label. */
export const coreOf = (planted: string): string =>
  [...planted.matchAll(/[^\s"=@:/]+/g)]
    .map(([piece]) => piece)
    .filter((piece) => !LABELS.has(piece))
    .sort((one, other) => other.length - one.length)[0] ?? planted;

/** Where people and programs write a value. */
export const SURROUNDINGS: Record<string, (planted: string) => string> = {
  sentence: (planted) => `The value is ${planted} as sent.`,
  alone: (planted) => planted,
  'the end of a sentence': (planted) => `It is ${planted}.`,
  Markdown: (planted) => `use **${planted}** or \`${planted}\``,
  emphasis: (planted) => `see _${planted} now_`,
  HTML: (planted) => `<td>${planted}</td>`,
  entities: (planted) => `a=&quot;${planted}&quot;`,
  JSON: (planted) => JSON.stringify({ note: planted }),
  'JSON in JSON': (planted) => JSON.stringify(JSON.stringify({ note: planted })),
  'escaped lines': (planted) => `first\\n${planted}\\nlast`,
  'escaped quotes': (planted) => `\\u0022${planted}\\u0022`,
  'an encoded form': (planted) => `a=1%26b%3D${planted}%26c%3D3`,
  'a query': (planted) => `https://x.example/?q=${planted}&r=1`,
  table: (planted) => `a;${planted};b|${planted}|c`,
  'Windows lines': (planted) => `a\r\n${planted}\r\nb`,
  Chinese: (planted) => `这是${planted}请保存`,
};

/** The share of planted texts, of each kind, that masking leaves no trace of. */
export function shareFound(kind: string, count: number, seed: number, surrounding = 'sentence'): number {
  const arbitrary = PLANTED[kind];
  if (arbitrary === undefined) throw new Error(`no kind ${kind}`);
  const samples = fc.sample(arbitrary, { numRuns: count, seed });
  const around = SURROUNDINGS[surrounding] ?? String;
  // JSON escapes a planted text's own quotes, outside its core.
  const missed = samples.filter((planted) => maskText(around(planted)).includes(coreOf(planted)));
  return 1 - missed.length / count;
}
