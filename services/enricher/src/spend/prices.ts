/** Dollars for a million tokens, which are micro-dollars for one. */
export interface Rates {
  input: number;
  output: number;
  /** Of input from the vendor's cache; by default `input`. */
  cachedInput?: number | undefined;
  /** Of input written to the vendor's cache; by default `input`. */
  cacheWrite?: number | undefined;
}

export interface Price extends Rates {
  /** For the whole call if its input has more tokens than this, cached ones included. */
  tiers?: readonly (Rates & { above: number })[] | undefined;
}

/** As a vendor counts; `input` includes cached and written ones. */
export interface Tokens {
  input: number;
  output: number;
  cachedInput?: number;
  cacheWrite?: number;
}

/** Prices of 5 November 2026. By default cached input costs a tenth, and writing to the cache five quarters. */
const price = (input: number, output: number, cachedInput = input / 10): Rates => ({
  ...{ input, output, cachedInput },
  cacheWrite: input * 1.25,
});

/** OpenAI's models with a million tokens: twice the price of input, and half more of output. */
const long = (rates: Rates): Price => ({
  ...rates,
  tiers: [
    {
      ...{ above: 272_000, input: rates.input * 2, output: rates.output * 1.5 },
      ...{ cachedInput: (rates.cachedInput ?? rates.input) * 2, cacheWrite: (rates.cacheWrite ?? rates.input) * 2 },
    },
  ],
});

const SONNET: Price = { ...price(3, 15), tiers: [{ above: 200_000, ...price(6, 22.5) }] };

/** https://developers.openai.com/api/docs/pricing, https://platform.claude.com/docs/en/about-claude/pricing. */
const PRICES: Readonly<Record<string, Price>> = {
  'gpt-6.1-sol': long(price(2, 10, 0.1)),
  'gpt-6.1-terra': long(price(1, 5, 0.05)),
  'gpt-6-astra': long(price(10, 50)),
  'gpt-6-sol': long(price(2, 10)),
  'gpt-6-luna': long(price(0.1, 0.5)),
  'gpt-5.6-terra': long(price(2, 12)),
  'gpt-5.6-luna': long(price(0.2, 1.2)),
  'gpt-5.5': long(price(5, 30)),
  'gpt-5.4': long(price(2.5, 15)),
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
  'claude-sonnet-4-5': SONNET,
  'claude-sonnet-4': SONNET,
  'claude-haiku-5-5': { ...price(0.1, 0.5), tiers: [{ above: 100_000, ...price(0.5, 2.5) }] },
  'claude-haiku-4-5': price(1, 5),
};

/** A date or `-latest` may follow a model's name; another model's suffix may not. */
const SUFFIX = /^(-\d{4}-?\d{2}-?\d{2}|-latest)?$/;

export function priceOf(model: string, own: Readonly<Record<string, Price>>): Price | undefined {
  if (Object.hasOwn(own, model)) return own[model];
  if (Object.hasOwn(PRICES, model)) return PRICES[model];
  const name = Object.keys(PRICES).find((known) => model.startsWith(known) && SUFFIX.test(model.slice(known.length)));
  return name === undefined ? undefined : PRICES[name];
}

/** In whole micro-dollars, rounded up. */
export function costMicros(price: Price, { input, output, cachedInput = 0, cacheWrite = 0 }: Tokens): number {
  const rates = tiersUpTo(price, input).at(-1) ?? price;
  const plain = Math.max(0, input - cachedInput - cacheWrite);
  const cached = cachedInput * (rates.cachedInput ?? rates.input) + cacheWrite * (rates.cacheWrite ?? rates.input);
  // Without the error of binary fractions.
  return Math.ceil(Number((plain * rates.input + cached + output * rates.output).toFixed(6)));
}

/**
 * Upper bound: each byte of the request is a token of the dearest kind in the dearest tier that it can reach, and the
 * answer reaches its bound.
 */
export const mostMicros = (price: Price, bytes: number, bound: number): number =>
  Math.max(
    ...tiersUpTo(price, bytes).map(({ input, output, cachedInput = 0, cacheWrite = 0 }) =>
      costMicros({ input: Math.max(input, cachedInput, cacheWrite), output }, { input: bytes, output: bound }),
    ),
  );

/** Lowest first. */
const tiersUpTo = ({ tiers = [], ...first }: Price, input: number): Rates[] => [
  first,
  ...tiers.filter(({ above }) => input > above).toSorted((one, other) => one.above - other.above),
];
