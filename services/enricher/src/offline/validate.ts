import { ConfigError } from '@pressferry/runtime';
import { type Loaded, loadAutomations } from '../automations/load.ts';
import { advice } from './advice.ts';
import { standInFor } from './stand-ins.ts';

export interface OfflineOptions {
  path: string;
  env: NodeJS.ProcessEnv;
  eventTypes: readonly string[];
  /** Templates may read data that no event type declares. */
  anyData: boolean;
  /** Those that are registered; undefined if they are not known. */
  sites?: ReadonlySet<string> | undefined;
}

/** Needs no secrets and no network. Throws a `ConfigError` with every fault. */
export function loadOffline({ path, env, eventTypes, anyData, sites }: OfflineOptions): Loaded {
  return loadAutomations(path, env, {
    concurrency: Number.POSITIVE_INFINITY,
    eventTypes,
    standIn: standInFor(env),
    anyData,
    ...(sites === undefined ? {} : { isSite: (siteId) => sites.has(siteId) }),
  });
}

/** Prints what the files hold, with advice, or every fault; returns the exit code. */
export function validate(options: OfflineOptions, print: (line: string) => void): number {
  try {
    const { automations, vendors, sites } = loadOffline(options);
    for (const { name, version, on } of automations.values())
      print(`${name}  ${[...on].join(', ')}  version ${version.slice(0, 12)}`);
    print(`${automations.size} automations and ${vendors.size} vendors are without a fault.`);
    for (const line of advice(automations.values(), vendors)) print(line);
    const named = [...new Set(sites.map(({ siteId }) => siteId))];
    if (options.sites === undefined && named.length > 0)
      print(`Not looked up: the sites ${named.join(', ')}. Pass --registry, or --sites FILE.`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    print(error.message);
    return 1;
  }
}
