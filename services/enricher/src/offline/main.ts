// `pressferry automations`: reads files and opens no connection.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ConfigError } from '@pressferry/runtime';
import { dryRun, eventSchema } from './dry-run.ts';
import { validate } from './validate.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'event-types': { type: 'string', multiple: true, default: [] },
    'any-data': { type: 'boolean', default: false },
    'sites-on-stdin': { type: 'boolean', default: false },
    site: { type: 'string', default: 'site-a' },
    label: { type: 'string', multiple: true, default: [] },
    event: { type: 'string' },
    outputs: { type: 'string' },
  },
});
const options = {
  path: positionals[0] ?? '',
  env: process.env,
  eventTypes: values['event-types'],
  anyData: values['any-data'],
  sites: values['sites-on-stdin'] ? new Set<string>(JSON.parse(readFileSync(0, 'utf8'))) : undefined,
};

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigError(`${path}: ${error instanceof SyntaxError ? 'is not JSON' : 'cannot be read'}`);
  }
}

function labelsOf(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw new ConfigError(`--label ${text}: write name=value, as in plan=gold`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

async function run(): Promise<number> {
  if (values.event === undefined) return validate(options, console.log);
  const event = eventSchema.safeParse(readJson(values.event));
  if (!event.success)
    throw new ConfigError(
      `${values.event}: ${event.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
    );
  const outputs = values.outputs === undefined ? {} : (readJson(values.outputs) as Record<string, unknown>);
  return dryRun(
    { ...options, event: event.data, siteId: values.site, labels: labelsOf(values.label), outputs },
    console.log,
  );
}

try {
  process.exitCode = await run();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
