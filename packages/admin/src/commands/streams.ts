import { consumerDefinitions, STREAM_DEFAULTS, type StreamOptions, streamDefinitions } from '@pressferry/contracts';
import { applyStreams } from '@pressferry/jetstream';
import { applySitesBucket } from '@pressferry/sites';
import { type Command, InvalidArgumentError } from 'commander';
import { natsFrom } from './connections.ts';
import { positive } from './options.ts';
import { runCommand } from './run.ts';

const HOUR_MS = 3_600_000;

interface StreamFlags {
  replicas: number;
  shards: number;
  dedupeHours: number;
  eventsMaxBytes?: number;
}

export function addStreams(program: Command): void {
  const streams = program.command('streams').description('the streams of JetStream');
  streams
    .command('apply')
    .description('make the streams, consumers and buckets of NATS_URL equal to their declaration; deletes nothing')
    .option('--replicas <n>', 'copies of each message: 3 in a cluster', oneOf(1, 3, 5), STREAM_DEFAULTS.replicas)
    .option(
      '--shards <n>',
      'streams that the events are spread over, as EVENTS_SHARDS',
      positive,
      STREAM_DEFAULTS.shards,
    )
    .option('--dedupe-hours <n>', 'how long an idempotency key is remembered, 24 to 72', hours, 24)
    .option('--events-max-bytes <n>', 'the most bytes of one events stream; full means 503', bytes)
    .action((flags: StreamFlags) =>
      runCommand(async () => {
        await using connection = await natsFrom(process.env);
        const { replicas, shards, dedupeHours, eventsMaxBytes } = flags;
        const options: StreamOptions = { replicas, shards, dedupeWindowMs: dedupeHours * HOUR_MS, eventsMaxBytes };
        const applied = await applyStreams(connection.nats, streamDefinitions(options), consumerDefinitions(options));
        await applySitesBucket(connection.nats, replicas);
        for (const { name, change } of applied) console.log(`${change.padEnd(10)} ${name}`);
      }),
    );
}

const oneOf =
  (...allowed: number[]) =>
  (text: string): number => {
    if (!allowed.includes(Number(text))) throw new InvalidArgumentError(`write one of ${allowed.join(', ')}.`);
    return Number(text);
  };

function hours(text: string): number {
  const number = positive(text);
  if (number < 24 || number > 72) throw new InvalidArgumentError('write a number from 24 to 72.');
  return number;
}

function bytes(text: string): number {
  if (!/^\d{7,15}$/.test(text)) throw new InvalidArgumentError('write a number of bytes, at least 1000000.');
  return Number(text);
}
