import { looksDrawn } from './tokens.ts';

const [SHORTEST, LONGEST] = [4, 512];
/** A name before a secret. Its value is judged separately, because prose says "password: please choose one", too. */
const LABEL =
  /(?:pass(?:word|wd|phrase|code)|pwd|passwort|kennwort|mot[ _-]de[ _-]passe|contrase(?:ñ|n)a|wachtwoord|api[ _-]?keys?|(?:access|auth|refresh|session|bearer|bot|id|security|private)[ _-]?(?:token|key)|client[ _-]?secret|secret(?:[ _-]?(?:access)?[ _-]?key)?|account[ _-]?key|auth[ _-]?token|token|credentials?|sig(?:nature)?)\\{0,3}["'`]?\s{0,3}(?:=>|[:=])\s{0,3}(?:\[\s{0,3}(?=\\{0,3}["'`]))?\\{0,3}/gi;
const QUOTE = /["'`]/;
const END = /[\s"'`,;&<>)\]}]/;
const SCHEME = /(?<![A-Za-z0-9])(?:Bearer|Basic|Token|ApiKey|Digest|Negotiate)[ \t]{1,3}(?=[\w.~+/=:-]{8})/gi;
const CREDENTIALS = /[\w.~+/=:-]{8,4096}/y;
const BEHIND_HEADER = /authorization["'`]?\s{0,3}[:=]\s{0,3}["'`]?$/i;

/** Masks values named as secrets: `password=…`, `"client_secret": "…"`, `Authorization: Basic …`. */
export const maskLabelled = (text: string): string => maskAfterLabels(maskNamed(maskCredentials(maskWhole(text))));

/** PHP's constants, XML's elements, and curl's users. */
const NAMED = [
  /(define\(\s{0,3}["']\w{0,40}(?:PASSWORD|_KEY|_SALT|SECRET|TOKEN)["']\s{0,3},\s{0,16}["'])([^"'\r\n]{4,512})(?=["'])/g,
  /(<(?:\w{1,40}[:_-])?(?:password|passwd|passwort|pwd|secret|api_?key|client_?secret|access_?token|token)>)([^<>\s]{4,512})(?=<)/gi,
  /((?<![\w-])(?:-u|--user)[ =]["']?[\w.@%+-]{1,64}:)([^\s"'@:]{6,128})/g,
];

const maskNamed = (text: string): string =>
  NAMED.reduce(
    (masked, form) =>
      masked.replace(form, (found, name: string, value: string) =>
        !isPlaceholder(value) && (name.startsWith('-') ? hasSign(value) && /[A-Za-z]/.test(value) : true)
          ? `${name}[secret]`
          : found,
      ),
    text,
  );

/** WordPress' application passwords, as it shows them. */
const APP_PASSWORD =
  /((?:application|app|anwendungs)[ _-]?pass(?:word|wort)["'`]?\s{0,3}[:=]?\s{0,3}["'`]?)(?:[A-Za-z0-9]{4}[ +]){5}[A-Za-z0-9]{4}(?![A-Za-z0-9])/gi;

/** Cookies of either direction: the rest of the line. */
const COOKIES = /((?:set-)?cookie["'`]?\s{0,3}:\s{0,3}["'`]?)[\w!#$%&*.^|~-]{1,100}=[^\r\n"'`]{1,4096}/gi;

const maskWhole = (text: string): string => text.replace(APP_PASSWORD, '$1[secret]').replace(COOKIES, '$1[secret]');

function maskAfterLabels(text: string): string {
  let masked = '';
  let done = 0;
  for (const { 0: label, index } of text.matchAll(LABEL)) {
    if (index < done) continue;
    const at = index + label.length;
    const quote = QUOTE.test(text[at] ?? '') ? text[at] : undefined;
    const start = quote === undefined ? at : at + 1;
    // The quotation of the label alone ends there: `'Password:'`.
    if (quote !== undefined && !QUOTE.test(label) && isQuotedLabel(text, index, quote)) continue;
    const end = valueEnd(text, start, quote);
    const value = text.slice(start, end);
    if (quote === undefined && isCode(value, text[end], label)) continue;
    if (!isSecret(value, label, quote !== undefined)) continue;
    masked += `${text.slice(done, start)}[secret]`;
    done = end;
  }
  return masked + text.slice(done);
}

/** True if the quotation that ends behind the label began before it, a few words earlier at most. */
function isQuotedLabel(text: string, index: number, quote: string): boolean {
  let at = index - 1;
  while (at > index - 40 && /[\w -]/.test(text[at] ?? '')) at--;
  // After a sign it begins a value, which holds the label.
  return text[at] === quote && !/[:=]\s?$/.test(text.slice(Math.max(0, at - 2), at));
}

/** Variables, calls and members of a program, not values: `$pass`, `getToken(`, `process.env.API_KEY`. */
const CODE =
  /^(?:\$[A-Za-z_]+(?:$|[-[>(])|\$?\(|[A-Za-z_]+(?:(?:::|->|\?\.|\.)[A-Za-z_]+)*[[(]|[A-Za-z_]\w*(?:::|->)\w+\(?$|[A-Za-z_]+(?:(?:::|->|\?\.|\.)[A-Za-z_]+)+[[;]?$)/;
const isCode = (value: string, next: string | undefined, label: string): boolean =>
  CODE.test(value) || (next === ';' && /\s$/.test(label) && /^[A-Za-z_]+$/.test(value));

/** At the closing quote, else at a blank or a bracket; at most 512 characters on, to bound the search. */
function valueEnd(text: string, start: number, quote: string | undefined): number {
  const last = Math.min(text.length, start + LONGEST);
  let end = start;
  while (end < last && (quote === undefined ? !END.test(text[end] ?? '') : text[end] !== quote && text[end] !== '\n'))
    end++;
  // The closing quote is escaped too.
  while (quote !== undefined && end > start && text[end - 1] === '\\') end--;
  return end;
}

/** An assigned or quoted value always counts; after a bare colon it must look random, because prose has colons. */
function isSecret(value: string, label: string, isQuoted: boolean): boolean {
  if (value.length < SHORTEST || isPlaceholder(value)) return false;
  // A JSON member: its name is quoted too.
  if (isQuoted && /["'`]\s{0,3}[:=]/.test(label)) return true;
  const isPassword = /^(?:pass|pwd|kenn|mot|contra|wacht)/i.test(label);
  if (label.includes('=') || isQuoted)
    return isPassword ? !/^\p{L}+ \p{L}/u.test(value) : !/\s/.test(value) && (hasSign(value) || value.length >= 16);
  return isPassword ? hasSign(value) : value.length >= 12 && looksDrawn(value);
}

/** What stands in examples and templates, and a mask. */
const isPlaceholder = (value: string): boolean =>
  /^(?:\[[a-z]+\]|[A-Z]+(?:_[A-Z]+)+$)/.test(value) ||
  /^(?:null|true|false|none|undefined|x+|[\W_]+)$/i.test(value) ||
  /^(?:\{\{|\$\{|\$[A-Z]|%[A-Z(]|%(?:\d\$)?[a-z]$|\[REDACTED|<)/i.test(value) ||
  /^(?:your|my|the|insert)[-_ ]?[a-z_-]{0,20}(?:key|token|secret|password|pass|here)/i.test(value);

/** A digit, or a sign that words do not contain. */
const hasSign = (value: string): boolean => /\d|[!#$%^&*_+=~|@]/.test(value.slice(0, -1)) || /\d$/.test(value);

function maskCredentials(text: string): string {
  let masked = '';
  let done = 0;
  for (const { 0: scheme, index } of text.matchAll(SCHEME)) {
    if (index < done) continue;
    const at = index + scheme.length;
    CREDENTIALS.lastIndex = at;
    const credentials = (CREDENTIALS.exec(text)?.[0] ?? '').replace(/[._/-]{1,4}$/, '');
    const isHeader = BEHIND_HEADER.test(text.slice(Math.max(0, index - 24), index));
    if (!isHeader && !(/^basic/i.test(scheme) ? isUserAndPassword(credentials) : isToken(scheme, credentials)))
      continue;
    masked += `${text.slice(done, index)}[secret]`;
    done = at + credentials.length;
  }
  return masked + text.slice(done);
}

/** In prose a word follows "Bearer"; a token is long and has digits or dots. */
function isToken(scheme: string, credentials: string): boolean {
  if (!/^bearer/i.test(scheme)) return credentials.length >= 20 && looksDrawn(credentials);
  const core = credentials.replace(/[.:,;=-]{1,8}$/, '');
  // A full stop without its blank joins two words.
  return core.length >= 12 && (looksDrawn(core) || (core.includes('.') && !/^[a-z]+\.[A-Z][a-z]+$/.test(core)));
}

function isUserAndPassword(credentials: string): boolean {
  if (!/^[A-Za-z0-9+/]{8,4096}={0,2}$/.test(credentials)) return false;
  const decoded = Buffer.from(credentials, 'base64').toString('latin1');
  return /^[\x20-\x7e\xa1-\xff]{1,2048}$/.test(decoded) && decoded.indexOf(':') > 0;
}

const SECRET_NAME =
  /^(?:.*[_-])?(?:password|passwort|passwd|passcode|passphrase|pwd|secret|secret[_-]?key|secret[_-]?access[_-]?key|client[_-]?secret|api[_-]?key|apikey|private[_-]?key|access[_-]?token|refresh[_-]?token|auth[_-]?token|authorization|session[_-]?token|token|jwt|cookie|cookies|set-cookie|cvc|cvv|otp|credentials)$/i;

export const isSecretName = (name: string): boolean =>
  name.length <= 64 && SECRET_NAME.test(name.replaceAll(/([a-z])([A-Z])/g, '$1_$2'));
