import { jetstreamManager } from '@nats-io/jetstream';
import { consumerDefinitions, STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { applyStreams } from '@pressferry/jetstream';
import { publishSites } from '@pressferry/registry';
import { waitFor } from '@pressferry/testing';
import type { World } from './world.ts';

/** A fault, the one alert that must tell of it, and how it is fixed. */
export interface Fault {
  name: string;
  alert: string;
  /** Labels that the alert must carry. */
  labels?: Record<string, string>;
  provoke: (world: World) => Promise<unknown>;
  heal: (world: World) => Promise<unknown>;
  /** Alerts that may come while it grows, until the one that is meant silences them. */
  first?: readonly string[];
  /** Alerts that may come once it is fixed, and why. */
  after?: Record<string, string>;
  /** It reports the last ten minutes and so goes on while the next faults are provoked; that it ends is looked at in the end. */
  lingers?: true;
}

const DAY_MS = 86_400_000;
const nothing = async (): Promise<void> => undefined;

const times = async (count: number, work: () => Promise<unknown>): Promise<void> => {
  for (let number = 0; number < count; number++) await work();
};

const ageSecrets = ({ stack }: World, days: number) =>
  stack.db
    .updateTable('site_secrets')
    .set({ created_at: new Date(Date.now() - days * DAY_MS) })
    .execute();

/** Changes the sealed secrets of the demo site, and publishes it. */
async function sealSecrets({ stack }: World, change: (sealed: string) => string): Promise<void> {
  const secrets = await stack.db.selectFrom('site_secrets').selectAll().where('site_id', '=', 'demo').execute();
  for (const { secret_id, sealed_secret } of secrets) {
    const changed = { sealed_secret: change(sealed_secret) };
    await stack.db.updateTable('site_secrets').set(changed).where('secret_id', '=', secret_id).execute();
  }
  await publishSites(stack.db, stack.connection.nats);
}

/** Bounds DEADLETTERS and fills it to a part of its bound with letters that no one reads. */
async function fillDeadLetters({ stack }: World, share: number): Promise<void> {
  const manager = await jetstreamManager(stack.connection.nats);
  const maxBytes = 200_000;
  await manager.streams.update('DEADLETTERS', { max_bytes: maxBytes });
  const { state } = await manager.streams.info('DEADLETTERS');
  const missing = maxBytes * share - state.bytes;
  const size = 2_000;
  for (let bytes = 0; bytes < missing; bytes += size)
    await manager.jetstream().publish('pf.dead.test.filler', new Uint8Array(size - 60));
}

async function emptyDeadLetters({ stack }: World): Promise<void> {
  const manager = await jetstreamManager(stack.connection.nats);
  await manager.streams.purge('DEADLETTERS');
  await manager.streams.update('DEADLETTERS', { max_bytes: 256 * 1_048_576 });
}

const burned = 'requests failed while it lasted, and the window of the burn rate still holds them';
const givenUp = 'runs came to their last attempt while it lasted';

/** In this order: those that linger first. */
export const FAULTS: readonly Fault[] = [
  {
    name: 'one site signs with a wrong secret',
    alert: 'PressferrySiteSignatureFailures',
    labels: { site: 'demo' },
    provoke: async (world) => {
      const demo = world.stack.file.sites[0];
      const forger = {
        ...world.site,
        siteId: 'demo',
        ...demo,
        alg: 'RS256' as const,
        hmacSecret: 'not-the-secret-of-the-site-at-all',
      };
      const { senderOf } = await import('./world.ts');
      const { privateKey } = await senderOf(demo as NonNullable<typeof demo>);
      const sender = privateKey === undefined ? forger : { ...forger, privateKey };
      await times(15, () => world.send(world.sign(world.article(), sender)));
    },
    heal: nothing,
    lingers: true,
  },
  {
    name: 'a captured request is sent again and again',
    alert: 'PressferryTokensReplayed',
    labels: { site: 'load' },
    provoke: async (world) => {
      const captured = world.sign();
      await times(12, () => world.send(captured));
    },
    heal: nothing,
    lingers: true,
  },
  {
    name: 'NATS is stopped',
    alert: 'PressferryNatsDisconnected',
    provoke: ({ stack }) => stack.nats.stop(),
    heal: ({ stack }) => stack.nats.restart(),
    after: {
      PressferryAcceptanceBudgetBurn: burned,
      PressferryAcceptanceBudgetBurnSlow: burned,
      PressferryResultsUnpublished: 'what was stored meanwhile is published by the next sweep',
    },
  },
  {
    name: 'Postgres is stopped',
    alert: 'PressferryDatabaseDown',
    provoke: ({ stack }) => stack.postgres.stop(),
    heal: ({ stack }) => stack.postgres.restart(),
  },
  {
    name: 'a vendor answers 503 to everything',
    alert: 'PressferryVendorBreakerOpen',
    labels: { vendor: 'llm' },
    provoke: ({ behave }) => behave({ chat: [{ status: 503, times: 'always' }] }),
    heal: ({ behave }) => behave({ chat: [] }),
    after: { PressferryDeadLetters: givenUp },
  },
  {
    name: 'WordPress is away',
    alert: 'PressferrySitesUnreachable',
    provoke: async ({ receiver }) => {
      receiver.behave = (_push, response) =>
        void response.writeHead(502, { 'content-type': 'text/html' }).end('<p>Bad gateway</p>');
    },
    heal: async ({ receiver }) => {
      receiver.behave = (_push, _response, acknowledge) => acknowledge();
    },
  },
  {
    name: 'a vendor refuses one request for good',
    alert: 'PressferryDeadLetters',
    provoke: ({ behave }) => behave({ chat: [{ status: 400, times: 2 }] }),
    heal: nothing,
  },
  {
    name: 'a vendor refuses everything for good',
    alert: 'PressferryDeadLettersSurge',
    first: ['PressferryDeadLetters'],
    provoke: async (world) => {
      await world.behave({ chat: [{ status: 400, times: 'always' }] });
      await times(90, () => world.send(world.sign()));
    },
    heal: ({ behave }) => behave({ chat: [] }),
    after: { PressferryDeadLetters: 'the last of them are still in its window' },
  },
  {
    name: 'DEADLETTERS is nearly full',
    alert: 'PressferryStreamFilling',
    labels: { stream: 'DEADLETTERS' },
    provoke: (world) => fillDeadLetters(world, 0.88),
    heal: emptyDeadLetters,
  },
  {
    name: 'DEADLETTERS is full',
    alert: 'PressferryStreamFull',
    labels: { stream: 'DEADLETTERS' },
    provoke: (world) => fillDeadLetters(world, 0.99),
    heal: emptyDeadLetters,
  },
  {
    name: 'the stream of results is lost',
    alert: 'PressferryStreamDown',
    labels: { stream: 'RESULTS' },
    provoke: async ({ stack }) => (await jetstreamManager(stack.connection.nats)).streams.delete('RESULTS'),
    heal: ({ stack }) =>
      applyStreams(
        stack.connection.nats,
        streamDefinitions(STREAM_DEFAULTS),
        consumerDefinitions({ shards: STREAM_DEFAULTS.shards }),
      ),
    after: { PressferryResultsUnpublished: 'what was stored meanwhile is published by the next sweep' },
  },
  {
    name: 'the record of a site is damaged',
    alert: 'PressferrySitesUnusable',
    // In Postgres: what is damaged in the bucket alone, callback fixes within seconds.
    provoke: (world) => sealSecrets(world, (sealed) => `damaged:${sealed}`),
    heal: (world) => sealSecrets(world, (sealed) => sealed.replace('damaged:', '')),
  },
  {
    name: 'a plugin sends events that the catalogue does not know',
    alert: 'PressferrySchemaDrift',
    provoke: (world) =>
      times(60, () => world.send(world.sign({ event: { event_type: 'strange.thing', object_ref: 'x' } }))),
    heal: nothing,
  },
  {
    name: 'the clock of a sender is an hour behind',
    alert: 'PressferryClocksApart',
    provoke: (world) => times(60, () => world.send(world.sign({ ...world.article(), nowMs: Date.now() - 3_600_000 }))),
    heal: nothing,
  },
  {
    name: 'a secret has not been rotated for a hundred days',
    alert: 'PressferryKeysOld',
    provoke: (world) => ageSecrets(world, 100),
    heal: (world) => ageSecrets(world, 1),
  },
  {
    name: 'callback stands still',
    alert: 'PressferryServiceAbsent',
    labels: { service: 'callback' },
    provoke: async ({ stack }) => process.kill(stack.processes.get('callback')?.pid ?? 0, 'SIGSTOP'),
    heal: async ({ stack }) => process.kill(stack.processes.get('callback')?.pid ?? 0, 'SIGCONT'),
  },
  {
    name: 'enricher dies again and again',
    alert: 'PressferryProcessRestarting',
    labels: { job: 'enricher' },
    provoke: async ({ stack, monitoring }) => {
      for (let deaths = 0; deaths < 3; deaths++) {
        const before = stack.processes.get('enricher')?.pid ?? 0;
        process.kill(before, 'SIGKILL');
        await waitFor(
          async () =>
            stack.processes.get('enricher')?.pid !== before &&
            (await monitoring.query('up{job="enricher"} == 1')).length === 1,
          { what: 'enricher to run again', timeoutMs: 30_000, everyMs: 200 },
        );
      }
    },
    heal: nothing,
  },
];
