import { baseConfig } from '@pressferry/runtime';
import type { z } from 'zod';
import { configSchema as callback } from '../../services/callback/src/config.ts';
import { configSchema as enricher } from '../../services/enricher/src/config.ts';
import { configSchema as ingress } from '../../services/ingress/src/config.ts';

export const SERVICES = { ingress, enricher, callback };
export type ServiceName = keyof typeof SERVICES;
export const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];

/** With its schema. */
export const variablesOf = (service: ServiceName): Record<string, z.ZodType> => SERVICES[service].shape;

/** Set by the chart from its own values, not by `config`. */
const DECIDED = new Set([
  ...['OPS_PORT', 'HTTP_PORT', 'NATS_URL', 'NATS_CREDENTIALS', 'EVENTS_SHARDS', 'SEALING_KEYS', 'DATABASE_URL'],
  ...['AUTOMATIONS_FILE', 'EVENT_TYPES_DIRS', 'TLS_CERT_PATH', 'TLS_KEY_PATH', 'TLS_CLIENT_CA_PATH'],
]);

/** The variables that `<service>.config` may name. */
export const settable = (variables: Record<string, z.ZodType>): [string, z.ZodType][] =>
  Object.entries(variables).filter(([name]) => !DECIDED.has(name));

/** The variables that the chart's top-level `config` may name. */
export const settableByAll = (): [string, z.ZodType][] => settable(baseConfig);
