import { poll } from '@pressferry/embedded';
import { signalTree } from '@pressferry/testing/journey';
import * as postgres from './faults/postgres.ts';
import { deleteConsumer, fillStream, publishPoison, readDeadLetters } from './faults/streams.ts';
import type { Target } from './judge.ts';
import type { Scenario, Stage } from './scenario.ts';

const TAKEN_UP_MS = 15_000;

/** A fault of Postgres while a handful of events a second flow. */
function database(
  name: string,
  title: string,
  breaking: postgres.Breaking,
  [whole, quick]: readonly [whole: number, quick: number],
  more: Partial<Scenario> & { interrupts?: boolean } = {},
): Scenario {
  const { interrupts = true, ...rest } = more;
  const perSecond = 15;
  return {
    name,
    title,
    load: (isQuick) => ({ count: Math.ceil(perSecond * (2 + (isQuick ? quick : whole))), perSecond }),
    run: ({ breakFor, seconds }) => breakFor('postgres', title, breaking, seconds(whole, quick), interrupts),
    ...rest,
  };
}

const TARGETS: readonly Target[] = ['enricher', 'callback', 'ingress', 'nats', 'postgres'];

async function inTurn({ random, kill, freeze, restart, pause, seconds }: Stage): Promise<void> {
  const gapMs = seconds(3, 1);
  for (const target of random.shuffle(TARGETS)) {
    await kill(target);
    await pause(gapMs);
    await freeze(target, seconds(20, 4));
    await pause(gapMs);
    await restart(target);
    await pause(gapMs);
  }
}

/** Kills the enricher while the vendor has so many calls in flight, and asks when each that was cut off is made again. */
async function enricherKilledWithCallsInHand({ world, kill, broke }: Stage): Promise<void> {
  const { vendor, pace, now } = world;
  const from = vendor.calls.length;
  pace.vendorMs = 1_500;
  try {
    const unanswered = async () => vendor.calls.slice(from).filter(({ answeredAtMs }) => answeredAtMs === null);
    const open = await poll('calls in flight', async () => enough(await unanswered()), { timeoutMs: 20_000 });
    const killedAtMs = now();
    await kill('enricher');
    const again = (key: string) => vendor.calls.find((call) => call.key === key && call.atMs > killedAtMs)?.atMs;
    // Those of another replica are answered, and were not in flight at this kill.
    const cut = () =>
      open.filter(({ answeredAtMs }) => answeredAtMs === null).map(({ key }) => [key, again(key)] as const);
    await untilAll(() => cut().every(([, atMs]) => atMs !== undefined), killedAtMs + 75_000 - now());
    const late = takenUp('calls', cut(), killedAtMs);
    if (late !== null) broke(late);
  } finally {
    pace.vendorMs = 5;
  }
}

/** The same of callback and its pushes. */
async function callbackKilledWithPushesInHand({ world, kill, broke }: Stage): Promise<void> {
  const { sink, pace, now } = world;
  const from = sink.arrivals.length;
  pace.sinkMs = 1_500;
  try {
    const waiting = async () => sink.arrivals.slice(from).filter(({ acknowledgedAtMs }) => acknowledgedAtMs === null);
    const open = await poll('pushes in flight', async () => enough(await waiting()), { timeoutMs: 20_000 });
    const killedAtMs = now();
    await kill('callback');
    const again = (id: string) => sink.arrivals.find((one) => one.resultId === id && one.atMs > killedAtMs)?.atMs;
    const cut = () =>
      open
        .filter(({ acknowledgedAtMs }) => acknowledgedAtMs === null)
        .map(({ resultId: id }) => [id, again(id)] as const);
    await untilAll(() => cut().every(([, atMs]) => atMs !== undefined), killedAtMs + 45_000 - now());
    const late = takenUp('pushes', cut(), killedAtMs);
    if (late !== null) broke(late);
  } finally {
    pace.sinkMs = 0;
  }
}

const enough = <T>(found: T[]): T[] | undefined => (found.length >= 8 ? found : undefined);

async function untilAll(isDone: () => boolean, timeoutMs: number): Promise<void> {
  const done = async () => (isDone() ? true : undefined);
  await poll('all', done, { timeoutMs: Math.max(0, timeoutMs), everyMs: 50 }).catch(() => undefined);
}

function takenUp(
  what: string,
  times: readonly (readonly [id: string, atMs: number | undefined])[],
  fromMs: number,
): string | null {
  const late = times.filter(([, atMs]) => atMs === undefined || atMs - fromMs > TAKEN_UP_MS);
  if (late.length === 0) return null;
  const described = late.map(
    ([id, atMs]) => `${id} ${atMs === undefined ? 'never' : `after ${((atMs - fromMs) / 1000).toFixed(1)} s`}`,
  );
  return `${late.length} of ${times.length} ${what} in flight at the kill were not taken up within 15 s: ${described.slice(0, 4).join(', ')}`;
}

/** Kills at random moments, so some fall between a commit and its acknowledgement. */
async function storm({ random, kill, pause, isQuick }: Stage): Promise<void> {
  for (const target of random.shuffle(
    Array<Target>(isQuick ? 6 : 12)
      .fill('enricher')
      .concat(Array(isQuick ? 3 : 6).fill('callback')),
  )) {
    await kill(target);
    await pause(random.between(50, 900));
  }
}

/** Kills the enricher when Postgres has committed events and nats-server has not seen their acknowledgements: it is stopped meanwhile. */
async function killedBeforeAcknowledgements({ world, kill }: Stage): Promise<void> {
  const owner = await world.owner();
  try {
    const count = async () =>
      (await owner.query<{ n: number }>('select count(*)::int as n from event_keys')).rows[0]?.n;
    await owner.query('begin; lock table event_keys in exclusive mode');
    const before = (await count()) ?? 0;
    const waiting = `select from pg_locks where not granted and relation = 'event_keys'::regclass`;
    const isWaiting = async () => ((await owner.query(waiting)).rowCount === 0 ? undefined : true);
    await poll('enricher to wait for the lock', isWaiting, { timeoutMs: 20_000 });
    signalTree(world.stack.nats.pid, 'SIGSTOP');
    await owner.query('commit');
    const stored = async () => (((await count()) ?? 0) > before ? true : undefined);
    await poll('the commit', stored, { timeoutMs: 20_000, everyMs: 5 });
    // Writes to a server that is stopped die with it.
    await Promise.all([kill('enricher'), kill('nats')]);
  } finally {
    await owner.end();
  }
}

async function poison({ world, random, pause, broke }: Stage): Promise<void> {
  const published: Buffer[] = [];
  for (let times = 0; times < 5; times++) {
    published.push(...(await publishPoison(world, random.uuid)));
    await pause(300);
  }
  const missing = async (): Promise<Buffer[]> => {
    const letters = await readDeadLetters(world);
    return published.filter((message) => !letters.some((letter) => Buffer.from(letter).includes(message)));
  };
  const none = async () => ((await missing()).length === 0 ? true : undefined);
  await poll('the dead letters', none, { timeoutMs: 20_000, everyMs: 500 }).catch(() => undefined);
  const left = (await missing()).length;
  if (left > 0) broke(`${left} of ${published.length} poisonous messages are no dead letter that holds them whole`);
}

/** Every scenario, in the order in which a whole run plays them. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'in-turn',
    title: 'each process is killed, stopped and restarted in turn',
    isQuick: true,
    load: (isQuick) => (isQuick ? { count: 500, perSecond: 14 } : { count: 3_000, perSecond: 18 }),
    run: inTurn,
  },
  database('postgres-read-only', 'Postgres is read-only', postgres.readOnly, [10, 6], { isQuick: true }),
  database('postgres-full', 'the disk of Postgres is full', postgres.full, [40, 8], { isQuick: true }),
  database('postgres-without-column', 'a column is missing', postgres.withoutColumn('events', 'sealed_body'), [10, 6], {
    isQuick: true,
  }),
  database('events-without-privilege', 'events may not be written', postgres.withoutPrivilege('events'), [10, 5]),
  database('results-without-privilege', 'results may not be written', postgres.withoutPrivilege('results'), [10, 6], {
    isQuick: true,
  }),
  database('postgres-connections-exhausted', 'no client gets a connection', postgres.connectionsExhausted, [20, 6]),
  database('postgres-terminated', 'every connection is cut once a second', postgres.terminated, [12, 5]),
  database('postgres-locked', 'the table of events is locked', postgres.locked('events'), [40, 18]),
  database('postgres-transaction-open', 'a transaction stays open', postgres.transactionOpen, [12, 5], {
    interrupts: false,
  }),
  database('events-refused', 'the table of events refuses rows', postgres.tableFull('events'), [45, 8]),
  database(
    'deliveries-refused',
    'the table of deliveries refuses rows',
    postgres.tableFull('open_deliveries'),
    [20, 8],
  ),
  database(
    'deliveries-refused-long',
    'the same for 20 minutes',
    postgres.tableFull('open_deliveries'),
    [1_200, 1_200],
    {
      onlyByName: true,
      load: () => ({ count: 60, perSecond: 15 }),
    },
  ),
  database('events-refused-long', 'events refused for 20 minutes', postgres.tableFull('events'), [1_200, 1_200], {
    onlyByName: true,
    load: () => ({ count: 60, perSecond: 15 }),
  }),
  {
    name: 'consumers-deleted',
    title: 'the consumers of EVENTS and RESULTS are deleted',
    isQuick: true,
    load: () => ({ count: 150, perSecond: 25 }),
    run: async ({ breakFor, pause }) => {
      for (const [stream, consumer] of [
        ['EVENTS', 'enricher'],
        ['RESULTS', 'callback'],
      ] as const) {
        await breakFor('nats', `${consumer} deleted`, (world) => deleteConsumer(world, stream, consumer), 0);
        await pause(1_500);
      }
    },
  },
  {
    name: 'streams-full',
    title: 'EVENTS and RESULTS take nothing more',
    load: () => ({ count: 200, perSecond: 15 }),
    run: async ({ breakFor, seconds }) => {
      for (const stream of ['EVENTS', 'RESULTS'])
        await breakFor('nats', `${stream} full`, (world, forMs) => fillStream(world, stream, forMs), seconds(6, 3));
    },
  },
  {
    name: 'kill-storm',
    title: 'enricher and callback are killed at random moments, again and again',
    isQuick: true,
    load: (isQuick) => ({ count: isQuick ? 300 : 1_000, perSecond: 40 }),
    run: storm,
  },
  {
    name: 'unacknowledged',
    title: 'enricher is killed between a commit and its acknowledgement',
    isQuick: true,
    load: () => ({ count: 100, perSecond: 20 }),
    run: killedBeforeAcknowledgements,
  },
  {
    name: 'poison',
    title: 'messages that can never be handled, among good ones',
    isQuick: true,
    load: () => ({ count: 80, perSecond: 40 }),
    run: poison,
  },
  {
    name: 'calls-in-flight',
    title: 'enricher is killed with calls in flight',
    isQuick: true,
    load: () => ({ count: 70, perSecond: 20 }),
    run: enricherKilledWithCallsInHand,
  },
  {
    name: 'pushes-in-flight',
    title: 'callback is killed with pushes in flight',
    isQuick: true,
    load: () => ({ count: 70, perSecond: 20 }),
    run: callbackKilledWithPushesInHand,
  },
];
