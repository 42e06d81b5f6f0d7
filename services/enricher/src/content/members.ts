export type Members = Readonly<Record<string, unknown>>;

const NOTHING: Members = {};

/** Empty for anything but an object. */
export const membersOf = (value: unknown): Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : NOTHING;

export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
