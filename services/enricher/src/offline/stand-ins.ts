import type { StandIn } from '../automations/vendors.ts';

const SECRETS = new Set(['api_key_env', 'auth.value_env']);

/** Secrets always stand for their names; everything else only if the environment does not hold it. */
export const standInFor =
  (env: NodeJS.ProcessEnv): StandIn =>
  (field, name) => {
    if (SECRETS.has(field)) return `$${name}`;
    if (env[name] !== undefined && env[name] !== '') return env[name];
    if (field === 'base_url_env') return `https://${name.toLowerCase().replaceAll('_', '-')}.invalid`;
    return field === 'model_env' ? `$${name}` : undefined;
  };
