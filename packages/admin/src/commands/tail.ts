import type { Command } from 'commander';
import { runInForeground } from '../foreground.ts';
import { followPassing, type Passing } from '../operate/passing.ts';
import { remedyOf } from '../operate/remedies.ts';
import { unknownSiteIn } from '../operate/unknown.ts';
import { natsFrom } from './connections.ts';
import { age, siteId } from './options.ts';
import { runCommand } from './run.ts';

interface Flags {
  site?: string;
  type?: string;
  for?: number;
  json?: boolean;
}

export function addTail(program: Command): void {
  program
    .command('tail')
    .description('watch events, results and dead letters as they pass, without their content, until Ctrl-C (NATS_URL)')
    .option('--site <site-id>', 'of one site', siteId)
    .option('--type <event-type>', 'events of one type, and what comes of them')
    .option('--for <duration>', 'end after this long: 30s, 5m', age)
    .option('--json', 'one JSON document a line')
    .action((flags: Flags) => runCommand(() => runInForeground((foreground) => tail(flags, foreground))));
}

async function tail(
  { site, type, for: lengthMs, json }: Flags,
  { signal, resources }: { signal: AbortSignal; resources: AsyncDisposableStack },
): Promise<'done'> {
  const { nats } = resources.use(await natsFrom(process.env));
  const unknown = await unknownSiteIn(nats, site);
  if (unknown !== undefined) console.error(`${unknown}. Nothing will be shown until it is registered`);
  const end = lengthMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(lengthMs)]);
  const onPassing = (passing: Passing): void => console.log(json ? JSON.stringify(passing) : lineOf(passing));
  const onWatching = (): void => console.error('watching; Ctrl-C ends it');
  await followPassing(nats, { site, type }, { signal: end, onPassing, onWatching });
  return 'done';
}

function lineOf({ at, what, site_id, request_id, event_type, stage, reason }: Passing): string {
  const remedy = remedyOf(reason);
  const words = [at, what.padEnd(11), site_id, event_type, request_id, stage && `given up by ${stage}: ${reason}`];
  return words.filter(Boolean).join('  ') + (remedy === undefined ? '' : `\n${' '.repeat(26)}→ ${remedy}`);
}
