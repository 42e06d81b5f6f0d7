import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError, errorFields, type Logger } from '@pressferry/runtime';
import { type Loop, startLoop } from '@pressferry/worker';
import {
  type Automations,
  fingerprintOf,
  type Loaded,
  type LoadOptions,
  loadAutomations,
} from '../automations/load.ts';
import { withOwn } from '../automations/test-event.ts';
import type { Config } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import type { Registered } from './registered.ts';

export interface ReloadDeps {
  config: Pick<Config, 'AUTOMATIONS_FILE' | 'AUTOMATIONS_RELOAD_MS' | 'EVENT_TYPES_DIRS'>;
  env: NodeJS.ProcessEnv;
  limits: LoadOptions;
  fingerprint: string;
  registered: Registered;
  apply: (next: Automations, signal: AbortSignal) => Promise<void>;
  metrics: Pick<Metrics, 'reload'>;
  logger: Logger;
}

const SETTLE_MS = 200;

/**
 * Watches AUTOMATIONS_FILE and puts each faultless set into use. A faulty set is refused as a whole and its faults are
 * logged; the previous one goes on. A set that names a site which is not registered is put into use once it is. No loops if AUTOMATIONS_RELOAD_MS is 0.
 */
export function startReloading(deps: ReloadDeps): Loop[] {
  const { env, limits, registered, metrics, logger } = deps;
  const { AUTOMATIONS_FILE: path, AUTOMATIONS_RELOAD_MS: everyMs, EVENT_TYPES_DIRS: types } = deps.config;
  if (everyMs === 0) return [];
  let seen = deps.fingerprint;
  /** Without another fault than sites that are not registered. */
  let waiting: Loaded | undefined;
  const round = async (stopping: AbortSignal): Promise<void> => {
    const fingerprint = fingerprintOf(path, types);
    if (fingerprint === seen && waiting === undefined) return;
    if (fingerprint !== seen) {
      // A half-written set may be faultless.
      await delay(Math.min(everyMs, SETTLE_MS), undefined, { signal: stopping }).catch(() => undefined);
      if (fingerprintOf(path, types) !== fingerprint) return;
      seen = fingerprint;
      waiting = undefined;
    }
    const isNew = waiting === undefined;
    const next = waiting ?? loadAutomations(path, env, limits);
    const faults = await registered.faultsOf(next.sites, stopping);
    waiting = faults.length > 0 ? next : undefined;
    if (isNew && faults.length > 0) throw new ConfigError(['', ...faults].join('\n'));
    if (waiting !== undefined) return;
    await deps.apply(withOwn(next), stopping);
    if (stopping.aborted) return;
    registered.watch(next.sites);
    metrics.reload('applied');
    logger.info({ automations: next.automations.size, vendors: [...next.vendors.keys()] }, 'automations.changed');
  };
  const refused = (error: unknown): void => {
    metrics.reload('refused');
    const faults = error instanceof ConfigError ? error.message.split('\n').slice(1) : undefined;
    const fields = faults === undefined ? errorFields(error) : { faults: faults.map((line) => line.trim()) };
    logger.error(fields, 'automations.refused');
  };
  return [startLoop(round, { intervalMs: () => everyMs, onInterruption: refused })];
}
