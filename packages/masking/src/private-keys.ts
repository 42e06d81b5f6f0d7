const BEGIN = /-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----/g;
/** RSA keys of 16384 bits have 13,000 characters. */
const LONGEST_KEY = 20_000;
const CHUNK = /[A-Za-z0-9+/=]+|\s+|\\[nrt]/y;
/** A key's lines have 64 characters, the last may have few; words have fewer. */
const [SHORTEST_CHUNK, WHOLE_LINE] = [16, 48];

/** PuTTY's form. */
const PUTTY = /(Private-Lines: \d{1,3}(?:\r?\n|\\{1,3}n))(?:[A-Za-z0-9+/=]{1,64}(?:\r?\n|\\{1,3}n|$)){1,60}/g;

/** In PEM, truncated ones too. */
export function maskPrivateKeys(text: string): string {
  if (!text.includes('PRIVATE KEY')) return text.replaceAll(PUTTY, '$1[secret]');
  let masked = '';
  let done = 0;
  for (const { 0: begin, index } of text.matchAll(BEGIN)) {
    if (index < done) continue;
    masked += `${text.slice(done, index)}[secret]`;
    done = endOfKey(text, index + begin.length);
  }
  return masked + text.slice(done);
}

/** After the key's last line, or after all that can belong to its body. */
function endOfKey(text: string, start: number): number {
  const reach = text.slice(start, start + LONGEST_KEY);
  END.lastIndex = 0;
  const end = END.exec(reach);
  const nextBegin = reach.indexOf('-----BEGIN');
  if (end !== null && (nextBegin < 0 || end.index < nextBegin)) return start + end.index + end[0].length;
  let at = 0;
  let lastLength = WHOLE_LINE;
  for (;;) {
    CHUNK.lastIndex = at;
    const chunk = CHUNK.exec(reach)?.[0];
    if (chunk === undefined) break;
    if (/^[A-Za-z0-9+/=]/.test(chunk)) {
      if (chunk.length < SHORTEST_CHUNK && lastLength < WHOLE_LINE) break;
      lastLength = chunk.length;
    }
    at += chunk.length;
  }
  return start + at;
}
