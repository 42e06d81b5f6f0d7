import { isSafePattern } from 'redos-detector';

/** The `maxLength` behind which a pattern that may backtrack is still harmless: 128 to the third are 2 million steps, 10 ms. */
export const MAX_SHORT_LENGTH = 128;
/** How often each character may be looked at again. */
const MAX_SCORE = 10;
/** Bounds the analysis by steps, not by time, so a busy machine starts with what a quiet one starts with. */
const MAX_STEPS = 2_000;

const known = new Map<string, boolean>();

/** True if it is shown that matching the pattern takes time in proportion to the text, whatever the text. */
export function isLinearPattern(pattern: string): boolean {
  const before = known.get(pattern);
  if (before !== undefined) return before;
  const shown = analyse(pattern);
  known.set(pattern, shown);
  return shown;
}

function analyse(pattern: string): boolean {
  try {
    return isSafePattern(pattern, { unicode: true, maxScore: MAX_SCORE, maxSteps: MAX_STEPS }).safe;
  } catch {
    // Syntax that the analysis does not know shows nothing.
    return false;
  }
}

/** True for a pattern that can backtrack at worst with the third power of a text's length: at most two repeats, none of a group. */
export function isShortPattern(pattern: string): boolean {
  const bare = pattern.replaceAll(/\\[\s\S]/g, 'x').replaceAll(/\[[^\]]*\]/g, 'x');
  const repeatsGroup = /\)[*+?{]/.test(bare);
  return !repeatsGroup && (bare.match(/[*+{]/g) ?? []).length <= 2;
}
