// What the idempotency window costs nats-server: memory, restart and disk for so many message ids, in one stream and spread over four.
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { jetstreamManager } from '@nats-io/jetstream';
import { eventsStream, STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { PINNED_NATS_VERSION, type Server, startNats } from '@pressferry/embedded';
import { applyStreams, openConnection } from '@pressferry/jetstream';
import { readCommandLine } from '@pressferry/runtime';
import { type Bench, openBench } from './bench.ts';
import { cpuMs, memoryMb } from './measure/processes.ts';
import { round } from './measure/statistics.ts';
import { positive } from './options.ts';
import type { PublishOrder, PublishReport } from './publisher.ts';
import { table } from './report/print.ts';
import { describeMachine } from './report/results.ts';
import { forkScript } from './system/child.ts';

const USAGE = `usage: node bench/ingress/dedupe-window.ts [options]
  --ids N           message ids that nats-server remembers (1000000)
  --results FILE    where the figures go (bench/results/ingress-dedupe-window.json)`;
const { values } = readCommandLine(USAGE, (args) => {
  const read = parseArgs({
    args,
    options: {
      ids: { type: 'string', default: '1000000' },
      results: { type: 'string', default: new URL('../results/ingress-dedupe-window.json', import.meta.url).pathname },
    },
  });
  positive(read.values.ids, '--ids');
  return read;
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const ids = positive(values.ids, '--ids');

/** Without ids, to see what ids alone cost. */
interface Case {
  name: string;
  shards: number;
  withIds: boolean;
}

const CASES: Case[] = [
  { name: 'no ids, events.shards 1', shards: 1, withIds: false },
  { name: 'ids, events.shards 1', shards: 1, withIds: true },
  { name: 'ids, events.shards 4', shards: 4, withIds: true },
];

interface Cost extends Case {
  rssBeforeMb: number;
  rssMb: number;
  restartMs: number;
  restartCpuMs: number;
  rssAfterRestartMb: number;
  diskMb: number;
  publishesPerSecond: number;
  /** A repeat of an earlier id was recognised after the restart. */
  isRemembered: boolean;
}

const costs: Cost[] = [];
{
  await using bench = await openBench(console.error);
  for (const each of CASES) {
    console.error(each.name);
    costs.push(await measure(bench, each));
  }
}
await mkdir(new URL('../results/', import.meta.url), { recursive: true });
const machine = describeMachine(PINNED_NATS_VERSION);
await writeFile(values.results, `${JSON.stringify({ machine, ids, costs }, null, 2)}\n`);
report();
process.exit(costs.every(({ isRemembered, withIds }) => isRemembered === withIds) ? 0 : 1);

async function measure(bench: Bench, each: Case): Promise<Cost> {
  const storeDir = join(bench.diskDir, 'dedupe');
  await using nats = await startNats({
    binary: bench.natsBinary,
    storeDir,
    syncAlways: false,
    readyTimeoutMs: 120_000,
  });
  const streams = streamDefinitions({ ...STREAM_DEFAULTS, shards: each.shards });
  {
    await using connection = await openConnection({ url: nats.url, name: 'bench' });
    await applyStreams(connection.nats, streams, []);
  }
  const rssBeforeMb = memoryMb(nats.pid).rss;
  const { published, seconds, isDuplicate } = await publish(nats, each, ids);
  if (isDuplicate) throw new Error('a fresh id was taken for a repeat');
  const rssMb = memoryMb(nats.pid).rss;
  const startMs = performance.now();
  await nats.stop();
  const stoppedMs = performance.now();
  await nats.restart();
  const held = await countHeld(nats, each.shards);
  const restartMs = performance.now() - stoppedMs;
  if (held !== published) throw new Error(`${held} of ${published} messages are there after the restart`);
  console.error(`stopped in ${round(stoppedMs - startMs, 0)} ms, up again in ${round(restartMs, 0)} ms`);
  const cost: Cost = {
    ...each,
    rssBeforeMb,
    rssMb,
    restartMs: round(restartMs, 0),
    restartCpuMs: cpuMs(nats.pid),
    rssAfterRestartMb: memoryMb(nats.pid).rss,
    diskMb: round((await sizeOf(storeDir)) / 1e6, 0),
    publishesPerSecond: round(published / seconds, 0),
    isRemembered: (await publish(nats, each, 1)).isDuplicate,
  };
  await nats.stop();
  await rm(storeDir, { recursive: true, force: true, maxRetries: 3 });
  return cost;
}

/** Publishes ids `0 …` of a fixed series, so a later call repeats an earlier one. */
async function publish(nats: Server, { shards, withIds }: Case, count: number): Promise<PublishReport> {
  await using publisher = forkScript<PublishOrder, PublishReport>(new URL('./publisher.ts', import.meta.url), [
    nats.url,
  ]);
  return await publisher.ask({
    what: withIds ? 'event' : 'event-without-id',
    shards,
    count,
    inFlight: 256,
    seconds: 3_600,
  });
}

async function countHeld(nats: Server, shards: number): Promise<number> {
  await using connection = await openConnection({ url: nats.url, name: 'bench' });
  const manager = await jetstreamManager(connection.nats);
  let held = 0;
  for (let shard = 0; shard < shards; shard++) held += (await manager.streams.info(eventsStream(shard))).state.messages;
  return held;
}

async function sizeOf(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(({ parentPath, name }) => stat(join(parentPath, name))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

function report(): void {
  const rows = costs.map((cost) => [
    cost.name,
    String(cost.publishesPerSecond),
    String(cost.rssBeforeMb),
    String(cost.rssMb),
    String(cost.restartMs),
    String(cost.restartCpuMs),
    String(cost.rssAfterRestartMb),
    String(cost.diskMb),
  ]);
  console.log(`${ids} messages of 1 KiB, window 24 h\n`);
  console.log(
    table(['', 'publishes/s', 'RSS before', 'RSS MB', 'restart ms', 'its CPU ms', 'RSS after it', 'disk MB'], rows),
  );
  const [without, one] = costs;
  if (without === undefined || one === undefined) return;
  const perId = (now: number, base: number): string => ((1e6 * (now - base)) / ids).toFixed(0);
  console.log(
    `\nthe ids alone: ${perId(one.rssMb, without.rssMb)} bytes each while running, ${perId(one.rssAfterRestartMb, without.rssAfterRestartMb)} after a restart; ` +
      `restart ${((one.restartMs - without.restartMs) / (ids / 1e6) / 1000).toFixed(1)} s longer for each million`,
  );
}
