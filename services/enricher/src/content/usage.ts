import { type Members, membersOf } from './members.ts';

/** As the vendor counts; `input` includes cached and written tokens. */
export interface Usage {
  input: number;
  output: number;
  cachedInput?: number;
  cacheWrite?: number;
}

/** No call takes so many: a number above is a fault of the vendor, and would use up a budget for good. */
const MOST = 100_000_000;

/** Undefined if the vendor did not count, or if a number is one that no call can have: what it did cost is then unknown. */
function usageOf({ input, output, cachedInput, cacheWrite }: Record<keyof Usage, unknown>): Usage | undefined {
  const counts = [input, output, cachedInput, cacheWrite].map(countOf);
  if (counts.includes(undefined)) return undefined;
  const [read = 0, written = 0, cached = 0, cacheWritten = 0] = counts as number[];
  if (read + written === 0) return undefined;
  return {
    // A gateway may leave them out of its sum.
    input: Math.max(read, cached + cacheWritten),
    output: written,
    ...(cached === 0 ? {} : { cachedInput: cached }),
    ...(cacheWritten === 0 ? {} : { cacheWrite: cacheWritten }),
  };
}

/** A whole number, rounded up; 0 if it is not said. */
function countOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return 0;
  if (typeof value !== 'number' || !(value >= 0) || value > MOST) return undefined;
  return Math.ceil(value);
}

/** Of an OpenAI-like answer. */
export function chatUsage(usage: unknown): Usage | undefined {
  const counts = membersOf(usage);
  const details = membersOf(counts.prompt_tokens_details);
  const { prompt_tokens: input, completion_tokens: said, total_tokens: total } = counts;
  return usageOf({
    input,
    // Some leave the tokens of reasoning out of `completion_tokens`, and bill them: xAI, Gemini.
    output: isCount(input) && isCount(said) && isCount(total) ? Math.max(said, total - input) : said,
    cachedInput: details.cached_tokens ?? counts.prompt_cache_hit_tokens,
    cacheWrite: details.cache_write_tokens ?? counts.cache_creation_input_tokens,
  });
}

/** Of Anthropic's answer, whose `input_tokens` are those that neither came from the cache nor went into it. */
export function messageUsage(usage: unknown): Usage | undefined {
  const counts: Members = membersOf(usage);
  const { input_tokens: plain, cache_read_input_tokens: cachedInput, cache_creation_input_tokens: cacheWrite } = counts;
  const parts = [plain, cachedInput, cacheWrite].map((part) => part ?? 0);
  const input = parts.every(isCount) ? parts.reduce((sum, part) => sum + part, 0) : Number.NaN;
  return usageOf({ input, output: counts.output_tokens, cachedInput, cacheWrite });
}

const isCount = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= MOST;
