/** Bodies of calls are read without trusting their form. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Undefined if the value is not an object. */
export function member(value: Json | undefined, name: string): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value[name] : undefined;
}
