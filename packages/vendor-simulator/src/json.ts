/** Any JSON value; bodies of calls are read without trusting their form. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The member of an object, or undefined for anything else. */
export function member(value: Json | undefined, name: string): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value[name] : undefined;
}
