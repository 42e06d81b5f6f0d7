import { labelFault } from '@pressferry/registry';
import { InvalidArgumentError } from 'commander';

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_MS = 10 * 365 * 86_400_000;

/** `90s`, `15m`, `24h` or `7d`, in ms; also `0`. */
export function duration(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = text === '0' ? 0 : Number(count) * (UNITS_MS[unit] ?? Number.NaN);
  if (count === '' && text !== '0') throw new InvalidArgumentError('write a duration as 90s, 15m, 24h or 7d.');
  if (ms > MAX_MS) throw new InvalidArgumentError('write a duration of at most ten years.');
  return ms;
}

/** `name=value`, each name once. */
export function assignments(texts: readonly string[]): Record<string, string> {
  const found = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    const name = text.slice(0, Math.max(at, 0)).trim();
    if (name === '')
      throw new InvalidArgumentError(`"${text}" is not an assignment: write name=value, or name= for the default.`);
    if (found.has(name)) throw new InvalidArgumentError(`${name} is set twice.`);
    found.set(name, text.slice(at + 1).trim());
  }
  return Object.fromEntries(found);
}

/** `customer=acme`, added to `before`. */
export function label(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=');
  const [name, value] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  const fault = labelFault(name, value);
  if (fault !== null) throw new InvalidArgumentError(`write name=value, as in customer=acme: ${fault}.`);
  return { ...before, [name]: value };
}
