import { InvalidArgumentError } from 'commander';

/** Kept out of `parseConfig`: a whole number of a flag. */
export function positive(text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1) throw new InvalidArgumentError('write a whole number from 1.');
  return Number(text);
}

const UNITS_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A length of time, as in 30m, 24h or 7d, in ms. */
export function age(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (count === undefined || unitMs === undefined)
    throw new InvalidArgumentError('write a number and s, m, h or d, as in 24h.');
  return Number(count) * unitMs;
}
