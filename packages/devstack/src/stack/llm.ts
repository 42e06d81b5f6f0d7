import { z } from 'zod';

/** The enricher's variables, and a sentence for people. */
export interface LlmChoice {
  env: Record<string, string>;
  description: string;
  isSimulated: boolean;
}

const DEFAULT_MODELS = { openai: 'gpt-4.1-mini', anthropic: 'claude-haiku-4-5' };
/** A word that no answer contains, because a vendor's key is masked wherever it appears. */
export const SIMULATOR_KEY = 'key-of-the-vendor-simulator';

const MODELS_TIMEOUT_MS = 5_000;

/** The provider with a key or an address in the environment, else the simulator. */
export async function chooseLlm(env: NodeJS.ProcessEnv, simulatorUrl: string): Promise<LlmChoice> {
  const {
    OPENAI_BASE_URL: baseUrl,
    OPENAI_API_KEY: openAiKey,
    ANTHROPIC_API_KEY: anthropicKey,
    LLM_MODEL: model,
  } = env;
  if (baseUrl) {
    const chosen = model || (await firstModel(baseUrl, openAiKey));
    const key: Record<string, string> = openAiKey ? { LLM_API_KEY: openAiKey } : {};
    const variables = { LLM_PROVIDER: 'openai-compatible', LLM_BASE_URL: baseUrl, LLM_MODEL: chosen, ...key };
    return real(variables, `${chosen} at ${new URL(baseUrl).host}`);
  }
  if (openAiKey) return hosted('openai', openAiKey, model);
  if (anthropicKey) return hosted('anthropic', anthropicKey, model);
  return {
    env: {
      LLM_PROVIDER: 'openai-compatible',
      LLM_BASE_URL: `${simulatorUrl}/v1`,
      LLM_API_KEY: SIMULATOR_KEY,
      LLM_MODEL: 'simulated-1',
    },
    description: 'the LLM is SIMULATED; OPENAI_API_KEY, ANTHROPIC_API_KEY or OPENAI_BASE_URL makes it a real one',
    isSimulated: true,
  };
}

const real = (env: Record<string, string>, description: string): LlmChoice => ({
  env,
  description: `the LLM is real: ${description}`,
  isSimulated: false,
});

function hosted(provider: 'openai' | 'anthropic', key: string, model: string | undefined): LlmChoice {
  const chosen = model || DEFAULT_MODELS[provider];
  return real({ LLM_PROVIDER: provider, LLM_API_KEY: key, LLM_MODEL: chosen }, `${chosen} of ${provider}`);
}

const modelList = z.object({ data: z.array(z.object({ id: z.string() })).min(1) });

/** The models of a local model server (Ollama, vLLM). */
async function firstModel(baseUrl: string, key: string | undefined): Promise<string> {
  const url = `${baseUrl.replace(/(?<!\/)\/+$/, '')}/models`;
  try {
    const headers: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(MODELS_TIMEOUT_MS) });
    const { data } = modelList.parse(await response.json());
    return data[0]?.id ?? '';
  } catch (cause) {
    throw new Error(`${url} names no model: is OPENAI_BASE_URL right? LLM_MODEL names one without asking`, { cause });
  }
}
