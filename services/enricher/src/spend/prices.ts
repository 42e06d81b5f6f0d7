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
export const PRICES_AS_OF = '2025-11-01';

const claude = (input: number, output: number): Price => ({
  ...{ input, output },
  ...{ cachedInput: input / 10, cacheWrite: input * 1.25 },
});

/** By the beginning of a model's name; the longest one that fits counts. https://openai.com/api/pricing, https://claude.com/pricing */
const PRICES: Readonly<Record<string, Price>> = {
  'gpt-4o-mini': { input: 0.15, output: 0.6, cachedInput: 0.075 },
  'gpt-4o': { input: 2.5, output: 10, cachedInput: 1.25 },
  'gpt-4.1-nano': { input: 0.1, output: 0.4, cachedInput: 0.025 },
  'gpt-4.1-mini': { input: 0.4, output: 1.6, cachedInput: 0.1 },
  'gpt-4.1': { input: 2, output: 8, cachedInput: 0.5 },
  'gpt-5-nano': { input: 0.05, output: 0.4, cachedInput: 0.005 },
  'gpt-5-mini': { input: 0.25, output: 2, cachedInput: 0.025 },
  'o3-mini': { input: 1.1, output: 4.4, cachedInput: 0.55 },
  'o4-mini': { input: 1.1, output: 4.4, cachedInput: 0.275 },
  'claude-haiku-4-5': claude(1, 5),
  'claude-sonnet-4-5': claude(3, 15),
  'claude-opus-4-5': claude(5, 25),
};

/** A date or a word for the newest may follow a model's name; another model's name may not. */
const SUFFIX = /^(-\d{4}-?\d{2}-?\d{2}|-latest)?$/;

export function priceOf(model: string, own: Readonly<Record<string, Price>>): Price | undefined {
  if (own[model] !== undefined) return own[model];
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
