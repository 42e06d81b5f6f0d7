import { ConfigError, parseConfig } from '@pressferry/runtime';
import { z } from 'zod';
import type { Dialect, RateRule, RetryRule } from '../model.ts';
import type { Price, Rates } from '../spend/prices.ts';
import type { LlmStep } from './compile.ts';
import type { VendorDefinition } from './schema.ts';
import { PROVIDERS } from './vendors-schema.ts';

interface VendorBase {
  name: string;
  timeoutMs: number;
  maxConcurrency: number;
  retry: RetryRule;
  breaker: { failures: number; openMs: number };
  /** Over all replicas. */
  rate: RateRule | undefined;
}

export interface LlmVendor extends VendorBase {
  kind: 'llm';
  provider: (typeof PROVIDERS)[number];
  baseUrl: string | undefined;
  apiKey: string | undefined;
  model: string | undefined;
  /** Of `azure`. */
  apiVersion: string | undefined;
  prices: Readonly<Record<string, Price>>;
  dialect: Partial<Dialect>;
}

export interface HttpVendor extends VendorBase {
  kind: 'http';
  baseUrl: string;
  auth: { header: string; value: string } | undefined;
}

export type Vendor = LlmVendor | HttpVendor;

/** In the order in which they are asked. */
export const modelsOf = ({ model }: Pick<LlmStep, 'model'>, vendor: Pick<LlmVendor, 'model'>): string[] =>
  [model ?? vendor.model ?? []].flat();

/** To mask them wherever a vendor gives them back. */
export const secretsOf = (vendors: Iterable<Vendor>): string[] =>
  [...vendors].flatMap((vendor) =>
    vendor.kind === 'llm' ? (vendor.apiKey ?? []) : (vendor.auth?.value.split(' ').at(-1) ?? []),
  );

/** Replaces a variable when reading without the environment. */
export type StandIn = (field: string, name: string) => string | undefined;

type Fault = (path: string, text: string) => void;

/** Reads `NAME` or `NAME_FILE`; undefined if that made a fault. */
export function resolveVendor(
  name: string,
  definition: VendorDefinition,
  { env, standIn }: { env: NodeJS.ProcessEnv; standIn?: StandIn | undefined },
  fault: Fault,
): Vendor | undefined {
  const ofEnv = reader(env, fault);
  const read: Resolving['read'] = (field, variable) =>
    (variable === undefined ? undefined : standIn?.(field, variable)) ?? ofEnv(field, variable);
  const base = {
    name,
    timeoutMs: definition.timeout_ms,
    maxConcurrency: definition.max_concurrency,
    retry: {
      maxAttempts: definition.retry.max_attempts ?? null,
      baseMs: definition.retry.base_ms,
      capMs: definition.retry.cap_ms,
      forMs: definition.retry.for_ms,
      waitMs: definition.retry.wait_ms,
      holdMs: definition.retry.hold_ms,
    },
    breaker: { failures: definition.breaker.failures, openMs: definition.breaker.open_ms },
    rate: rateOf(definition, fault),
  };
  const baseUrl = read('base_url_env', definition.base_url_env) ?? definition.base_url;
  if (baseUrl !== undefined && !isBaseUrl(baseUrl))
    fault('base_url', 'must be an http(s) URL without credentials, query or fragment');
  if (definition.kind === 'http') return resolveHttp(base, definition, baseUrl, { read, fault });
  return resolveLlm(base, definition, baseUrl, { read, fault });
}

function rateOf({ kind, rate }: VendorDefinition, fault: Fault): RateRule | undefined {
  if (rate === undefined) return undefined;
  if (kind === 'http' && rate.tokens_per_minute !== undefined)
    fault('rate.tokens_per_minute', 'is of vendors of the kind llm alone');
  return {
    requestsPerMinute: rate.requests_per_minute ?? null,
    tokensPerMinute: rate.tokens_per_minute ?? null,
    concurrency: rate.concurrency ?? null,
  };
}

interface Resolving {
  read: (field: string, name: string | undefined) => string | undefined;
  fault: Fault;
}

function resolveHttp(
  base: VendorBase,
  definition: Extract<VendorDefinition, { kind: 'http' }>,
  baseUrl: string | undefined,
  { read, fault }: Resolving,
): HttpVendor | undefined {
  if (baseUrl === undefined) fault('base_url', required('base_url', definition.base_url_env));
  const { auth } = definition;
  const secret = auth && read('auth.value_env', auth.value_env);
  if (auth !== undefined && secret === undefined) fault('auth.value_env', `${auth.value_env} is not set`);
  if (baseUrl === undefined || (auth !== undefined && secret === undefined)) return undefined;
  const header = auth && { header: auth.header.toLowerCase(), value: `${auth.prefix}${secret}` };
  return { ...base, kind: 'http', baseUrl: baseUrl.replace(/(?<!\/)\/+$/, ''), auth: header };
}

function resolveLlm(
  base: VendorBase,
  definition: Extract<VendorDefinition, { kind: 'llm' }>,
  baseUrl: string | undefined,
  { read, fault }: Resolving,
): LlmVendor | undefined {
  const named = read('provider_env', definition.provider_env) ?? definition.provider;
  const provider = PROVIDERS.find((known) => known === named);
  if (named === undefined) fault('provider', required('provider', definition.provider_env));
  else if (provider === undefined) fault('provider', `must be one of ${PROVIDERS.join(', ')}`);
  const apiKey = read('api_key_env', definition.api_key_env);
  // A model server of one's own (Ollama, vLLM) may need no key; the hosted ones always do.
  const isHosted = provider === 'openai' || provider === 'anthropic' || provider === 'azure';
  if (isHosted && apiKey === undefined) fault('api_key_env', required('api_key', definition.api_key_env));
  if ((provider === 'openai-compatible' || provider === 'azure') && baseUrl === undefined)
    fault('base_url', required('base_url', definition.base_url_env));
  if (definition.api_version !== undefined && provider !== 'azure')
    fault('api_version', 'is of the provider azure alone');
  if (provider === undefined) return undefined;
  const model = read('model_env', definition.model_env) ?? definition.model;
  return {
    ...base,
    kind: 'llm',
    provider,
    baseUrl: baseUrl?.replace(/(?<!\/)\/+$/, ''),
    apiKey,
    model,
    apiVersion: definition.api_version,
    prices: Object.fromEntries(
      Object.entries(definition.prices).map(([name, { tiers, ...first }]) => [
        name,
        { ...ratesOf(first), tiers: tiers?.map(({ above, ...rates }) => ({ above, ...ratesOf(rates) })) },
      ]),
    ),
    dialect: {
      ...(definition.max_tokens_field === undefined ? {} : { boundField: definition.max_tokens_field }),
      ...(definition.json_mode === undefined ? {} : { json: definition.json_mode }),
    },
  };
}

type GivenRates = Omit<Extract<VendorDefinition, { kind: 'llm' }>['prices'][string], 'tiers'>;
const ratesOf = ({ input, output, cached_input, cache_write }: GivenRates): Rates => ({
  ...{ input, output, cachedInput: cached_input, cacheWrite: cache_write },
});

const required = (field: string, envName: string | undefined): string =>
  envName === undefined ? `${field} or ${field}_env is required` : `${envName} is not set`;

function reader(env: NodeJS.ProcessEnv, fault: Fault): Resolving['read'] {
  return (field, name) => {
    if (name === undefined) return undefined;
    try {
      return parseConfig(z.object({ [name]: z.string().optional() }), env)[name];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      fault(field, error.message.split('\n').slice(1).join(' ').trim());
      return undefined;
    }
  };
}

function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return (protocol === 'https:' || protocol === 'http:') && `${username}${password}${search}${hash}` === '';
}
