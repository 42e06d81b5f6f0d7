import type { StandIn } from '../automations/vendors.ts';

const SECRETS = new Set(['api_key_env', 'auth.value_env']);

/** A secret becomes its name; another variable only if it is unset. */
export const standInFor =
  (env: NodeJS.ProcessEnv): StandIn =>
  (field, name) => {
    if (SECRETS.has(field)) return `$${name}`;
    if (env[name] !== undefined && env[name] !== '') return env[name];
    if (field === 'base_url_env') return `https://${name.toLowerCase().replaceAll('_', '-')}.invalid`;
    return field === 'model_env' ? `$${name}` : undefined;
  };
