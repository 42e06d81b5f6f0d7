/** Prices of one model in dollars for a million tokens, which are millionths of a dollar for one. */
export interface Price {
  input: number;
  output: number;
  /** Of input that the vendor had cached; `input` if it is not given. */
  cachedInput?: number | undefined;
  /** Of input that the vendor wrote to its cache; `input` if it is not given. */
  cacheWrite?: number | undefined;
}

/** Tokens as a vendor counts them: `input` holds the cached and written ones too. */
export interface Tokens {
  input: number;
  output: number;
  cachedInput?: number;
  cacheWrite?: number;
}

/** When this table was taken from the vendors' public pages. Prices of a deployment's own go before it (`prices` of a vendor). */
export const PRICES_AS_OF = '2026-11-05';

/** Cached input at a tenth of the price if nothing else is said, and writing to the cache at five quarters of it. */
const price = (input: number, output: number, cachedInput = input / 10): Price => ({
  ...{ input, output, cachedInput },
  cacheWrite: input * 1.25,
});

/**
 * By a model's name. https://developers.openai.com/api/docs/pricing, https://platform.claude.com/docs/en/about-claude/pricing. Left out:
 * models that cost more from a length of the prompt which an event can reach (claude-haiku-5-5, from 100,000 tokens).
 */
const PRICES: Readonly<Record<string, Price>> = {
  'gpt-6.1-sol': price(2, 10, 0.1),
  'gpt-6.1-terra': price(1, 5, 0.05),
  'gpt-6-astra': price(10, 50),
  'gpt-6-sol': price(2, 10),
  'gpt-6-luna': price(0.1, 0.5),
  'gpt-5.6-terra': price(2, 12),
  'gpt-5.6-luna': price(0.2, 1.2),
  'gpt-5.5': price(5, 30),
  'gpt-5.4': price(2.5, 15),
  'gpt-5.4-mini': price(0.75, 4.5),
  'gpt-5.1': price(1.25, 10),
  'gpt-5': price(1.25, 10),
  'gpt-5-mini': price(0.25, 2),
  'gpt-5-nano': price(0.05, 0.4),
  'gpt-4.1': price(2, 8, 0.5),
  'gpt-4.1-mini': price(0.4, 1.6, 0.1),
  'gpt-4.1-nano': price(0.1, 0.4, 0.025),
  // Its first snapshot stayed dearer.
  'gpt-4o-2024-05-13': price(5, 15, 5),
  'gpt-4o': price(2.5, 10, 1.25),
  'gpt-4o-mini': price(0.15, 0.6, 0.075),
  o3: price(2, 8, 0.5),
  'o3-mini': price(1.1, 4.4, 0.55),
  'o4-mini': price(1.1, 4.4, 0.275),
  'claude-fable-5-1': price(10, 50, 0.25),
  'claude-fable-5': price(10, 50),
  'claude-opus-5-5': price(4, 20, 0.2),
  'claude-opus-5': price(5, 25),
  'claude-opus-4-8': price(5, 25),
  'claude-opus-4-7': price(5, 25),
  'claude-opus-4-6': price(5, 25),
  'claude-opus-4-5': price(5, 25),
  'claude-opus-4-1': price(15, 75),
  'claude-sonnet-5-5': price(2, 10, 0.1),
  'claude-sonnet-5': price(2, 10),
  'claude-sonnet-4-6': price(3, 15),
  'claude-sonnet-4-5': price(3, 15),
  'claude-sonnet-4': price(3, 15),
  'claude-haiku-4-5': price(1, 5),
};

/** A date or a word for the newest may follow a model's name; another model's name may not. */
const SUFFIX = /^(-\d{4}-?\d{2}-?\d{2}|-latest)?$/;

export function priceOf(model: string, own: Readonly<Record<string, Price>>): Price | undefined {
  if (Object.hasOwn(own, model)) return own[model];
  if (Object.hasOwn(PRICES, model)) return PRICES[model];
  const name = Object.keys(PRICES).find((known) => model.startsWith(known) && SUFFIX.test(model.slice(known.length)));
  return name === undefined ? undefined : PRICES[name];
}

/** In whole millionths of a dollar, rounded up. */
export function costMicros(price: Price, { input, output, cachedInput = 0, cacheWrite = 0 }: Tokens): number {
  const plain = Math.max(0, input - cachedInput - cacheWrite);
  const cached = cachedInput * (price.cachedInput ?? price.input) + cacheWrite * (price.cacheWrite ?? price.input);
  // Not above by a binary fraction's error.
  return Math.ceil(Number((plain * price.input + cached + output * price.output).toFixed(6)));
}

/** The most that a call may cost: each byte of the request a token of the dearest kind, and every token of the bound. */
export const mostMicros = (price: Price, bytes: number, bound: number): number =>
  costMicros(
    { input: Math.max(price.input, price.cacheWrite ?? 0), output: price.output },
    { input: bytes, output: bound },
  );
