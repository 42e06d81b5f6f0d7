import { resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { DEFAULT_DATA_DIR } from '../paths.ts';
import { SERVICES, type ServiceName } from '../stack/services.ts';

type Replicas = Partial<Record<ServiceName, number>>;
type ServiceVariables = Partial<Record<ServiceName, Record<string, string>>>;

export interface StackFlags {
  dataDir: string;
  replicas?: Replicas;
  env?: ServiceVariables;
  jsonLogs?: boolean;
}

const MAX_REPLICAS = 16;
const isService = (name: string | undefined): name is ServiceName => SERVICES.some((service) => service === name);

/** `ingress=3,enricher=2` */
export function parseReplicas(text: string, before: Replicas = {}): Replicas {
  const replicas = { ...before };
  for (const part of text.split(',')) {
    const [name, count = ''] = part.trim().split('=');
    if (!isService(name)) throw new InvalidArgumentError(`"${name}" is none of ${SERVICES.join(', ')}.`);
    if (!/^\d+$/.test(count) || Number(count) < 1 || Number(count) > MAX_REPLICAS)
      throw new InvalidArgumentError(`${name} needs a number from 1 to ${MAX_REPLICAS}, as in ${name}=3.`);
    replicas[name] = Number(count);
  }
  return replicas;
}

/** `callback.RETRY_SCHEDULE_MS=100,200`, repeatable */
export function parseServiceVariable(text: string, before: ServiceVariables = {}): ServiceVariables {
  const [, name, variable, value] = /^(\w+)\.([A-Z][A-Z0-9_]*)=(.*)$/s.exec(text) ?? [];
  if (!isService(name) || variable === undefined)
    throw new InvalidArgumentError(`write <service>.<NAME>=<value>; services are ${SERVICES.join(', ')}.`);
  return { ...before, [name]: { ...before[name], [variable]: value } };
}

export const dataDirOption = (): Option =>
  new Option('--data-dir <folder>', 'where data, keys and stack.json are kept')
    .default(DEFAULT_DATA_DIR, '.pressferry')
    .argParser((folder) => resolve(folder));

export const stackOptions = (): Option[] => [
  dataDirOption(),
  new Option('--replicas <list>', 'how many processes of a service, as in ingress=3,enricher=2').argParser(
    parseReplicas,
  ),
  new Option('--env <service.NAME=value>', 'a variable of one service; repeatable').argParser(parseServiceVariable),
  new Option('--json-logs', "the services' JSON log lines as they are on stdout, all else on stderr"),
];

export const stackOf = ({ dataDir, replicas = {}, env: serviceEnv = {} }: StackFlags) => ({
  dataDir,
  replicas,
  serviceEnv,
  env: process.env,
});
