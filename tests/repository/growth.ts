import fc from 'fast-check';
import { isSafe } from 'redos-detector';

/** True if analysis alone shows that no text can make the pattern look at its characters again and again. */
export function isShownLinear(regex: RegExp): boolean {
  if (!repeatsWithoutEnd(regex.source)) return true;
  try {
    return isSafe(regex, { maxScore: 10, maxSteps: 2_000 }).safe;
  } catch {
    return false;
  }
}

/** From each place a pattern whose repeats all end reads a bounded number of characters. */
const repeatsWithoutEnd = (source: string): boolean =>
  /[*+]|\{\d+,\}/.test(source.replaceAll(/\\[\s\S]/g, 'x').replaceAll(/\[[^\]]*\]/g, 'x'));

const JOINTS = ['', '-', ' ', '.', '_', '\n', 'a', '0', '"', '/', ':'];
/** When a search doubles its work with each character, one of these is slow before one of them takes forever. */
const EARLY = [16, 20, 24, 30, 60, 120, 240, 480];
const [SHORT, LONG] = [4_000, 32_000];
/** The short text is judged by the clock, which a busy machine only lengthens; what takes less is not looked at further. */
const SUSPECT_MS = 0.05;
/** The long text is judged by processor time, which comes in ticks of 4 ms. A linear search takes one at most, the square of it five and more. */
const GUILTY_MS = 10;

/**
 * Looks for a text that makes the pattern's time grow with the square of its length or worse: pieces of what it matches, repeated,
 * behind a beginning of what it matches. Returns the piece, or null if none was found.
 */
export function worstPump(regex: RegExp): string | null {
  for (const { head, pump, tail } of hostile(regex)) {
    const text = (length: number): string => head + pump.repeat(Math.ceil(length / pump.length)) + tail;
    const processorMs = (length: number): number => fastest(() => searchMs(regex, text(length), threadMs), 5);
    if (EARLY.some((length) => processorMs(length) > 5)) return pump;
    if (fastest(() => searchMs(regex, text(SHORT), () => performance.now()), SUSPECT_MS) < SUSPECT_MS) continue;
    if (fastest(() => searchMs(regex, text(LONG), threadMs), GUILTY_MS) > GUILTY_MS) return pump;
  }
  return null;
}

/** The least of up to four measurements, for others use the machine too; one below the limit is enough, one far above it too. */
function fastest(measure: () => number, limitMs: number): number {
  let least = measure();
  for (let again = 0; again < 3 && least > limitMs && least < limitMs * 20; again++) least = Math.min(least, measure());
  return least;
}

/** The time of a search of all matches, as the source does it with a global pattern, by the given clock. */
function searchMs(regex: RegExp, text: string, nowMs: () => number): number {
  regex.lastIndex = 0;
  const begunMs = nowMs();
  text.replace(regex, '');
  return nowMs() - begunMs;
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function* hostile(regex: RegExp): Iterable<{ head: string; pump: string; tail: string }> {
  for (const sample of samples(regex)) {
    const prefixes = Array.from({ length: Math.min(sample.length, 8) }, (_, length) => sample.slice(0, length + 1));
    const pumps = new Set([
      ...new Set(sample),
      ...JOINTS.slice(1),
      ...prefixes.flatMap((prefix) => JOINTS.map((joint) => joint + prefix)),
      sample,
      `${sample}!`,
    ]);
    for (const head of ['', sample.slice(0, sample.length / 2)])
      for (const pump of pumps) for (const tail of ['', '!\n']) yield { head, pump, tail };
  }
}

/** Texts that the pattern matches, without what it looks at around them. */
function samples(regex: RegExp): string[] {
  const bare = withoutLookaround(regex.source);
  try {
    const flags = regex.flags.replaceAll(/[giymu]/g, '');
    return fc
      .sample(fc.stringMatching(new RegExp(`^(?:${bare})$`, flags)), { numRuns: 2, seed: 1 })
      .map((text) => text.slice(0, 60));
  } catch {
    // Syntax that the generator does not know: the pattern's own letters will do.
    return [
      bare
        .replaceAll(/\\(?:p\{\w+\}|w)/g, 'a')
        .replaceAll(/\\d/g, '1')
        .replaceAll(/\\s/g, ' ')
        .replaceAll(/[[\](){}^$\\|?*+]/g, ''),
    ];
  }
}

function withoutLookaround(source: string): string {
  const start = source.search(/\(\?<?[=!]/);
  if (start < 0) return source.replaceAll('\\b', '');
  let depth = 0;
  let isClass = false;
  for (let at = start; at < source.length; at++) {
    const character = source[at];
    if (character === '\\') at++;
    else if (isClass) isClass = character !== ']';
    else if (character === '[') isClass = true;
    else if (character === '(') depth++;
    else if (character === ')' && --depth === 0)
      return withoutLookaround(source.slice(0, start) + source.slice(at + 1));
  }
  return source;
}
