import { isSafePattern } from 'redos-detector';

/** Short enough for a pattern that may backtrack: 128³ is 2 million steps, 10 ms. */
export const MAX_SHORT_LENGTH = 128;
const MAX_SCORE = 10;
/** By steps, not by time, so a busy machine accepts the same patterns. */
const MAX_STEPS = 2_000;

const known = new Map<string, boolean>();

/** True if matching provably takes linear time. */
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
    // The analysis does not know the syntax.
    return false;
  }
}

/** Backtracks at worst cubically: at most two repeats, none of a group. */
export function isShortPattern(pattern: string): boolean {
  const bare = pattern.replaceAll(/\\[\s\S]/g, 'x').replaceAll(/\[[^\]]*\]/g, 'x');
  const repeatsGroup = /\)[*+?{]/.test(bare);
  return !repeatsGroup && (bare.match(/[*+{]/g) ?? []).length <= 2;
}
