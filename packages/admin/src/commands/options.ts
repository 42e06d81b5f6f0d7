import { isSiteId } from '@pressferry/contracts';
import { InvalidArgumentError } from 'commander';

export function positive(text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1) throw new InvalidArgumentError('write a whole number from 1.');
  return Number(text);
}

/** More is for SQL. */
const MOST_ROWS = 100_000;

export function rowCount(text: string): number {
  const count = positive(text);
  if (count > MOST_ROWS) throw new InvalidArgumentError(`write at most ${MOST_ROWS}.`);
  return count;
}

/** A letter's number in DEADLETTERS, as lists show it; appended to `before`. */
export function sequences(text: string, before: readonly number[] = []): number[] {
  return [...before, sequence(text)];
}

export function sequence(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new InvalidArgumentError('write the number of a letter: pressferry dead list.');
  return Number(text);
}

/** Appended to `before`. */
export function resultIds(text: string, before: readonly string[] = []): string[] {
  if (!UUID.test(text)) throw new InvalidArgumentError('write the id of a result: pressferry events show <request>.');
  return [...before, text.toLowerCase()];
}

/** Checks the form only. */
export function siteId(text: string): string {
  if (!isSiteId(text))
    throw new InvalidArgumentError('write a site id, of small letters, digits, "-" and "_": pressferry sites list.');
  return text;
}

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const UNITS_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30m`, `24h` or `7d`, in ms. */
export function age(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (count === undefined || unitMs === undefined)
    throw new InvalidArgumentError('write a number and s, m, h or d, as in 24h.');
  return Number(count) * unitMs;
}
