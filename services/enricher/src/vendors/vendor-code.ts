import { parseAnswer } from '../content/clean.ts';

const LONGEST_BODY = 16_384;
/** A word of a vendor's own list, which can hold nothing of an event. */
const CODE = /^[A-Za-z][A-Za-z_.-]{1,60}$/;

/** The vendor's own word for an error, `insufficient_quota` or `MISSING_SCOPES`, by the forms that most use; undefined if there is none. */
export function vendorCode(body: string): string | undefined {
  if (body.length > LONGEST_BODY) return undefined;
  const parsed = membersOf(parseAnswer(body));
  const error = membersOf(parsed.error);
  const candidates = [error.code, error.type, parsed.code, parsed.category, parsed.error, parsed.type];
  return candidates.find((text): text is string => typeof text === 'string' && CODE.test(text));
}

const membersOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
