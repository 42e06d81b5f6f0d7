import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import {
  consumerDefinitions,
  type DeadLetterMessage,
  decodeDeadLetter,
  type EventMode,
  encodeEvent,
  eventMessageId,
  eventSubject,
  type ResultBody,
  requestId,
  resultId,
  runId,
  STREAM_DEFAULTS,
  streamDefinitions,
} from '@pressferry/contracts';
import { type Database, migrate, openDatabase, type SiteStatus } from '@pressferry/database';
import { applyStreams, type Connection, createPublisher, openConnection } from '@pressferry/jetstream';
import {
  createKeyring,
  createLogger,
  type Keyring,
  type Logger,
  newTraceparent,
  parseConfig,
  sealEventBody,
} from '@pressferry/runtime';
import { startTestNats, startTestPostgres, type TestPostgres, waitFor } from '@pressferry/testing';
import { startVendorSimulator, type VendorSimulator } from '@pressferry/vendor-simulator';
import { sql } from 'kysely';
import { configSchema, type Enricher, startEnricher } from '../src/app.ts';

export { FORM, LEAD, SUMMARY, vendorsYaml } from './automations.ts';

export const LLM_KEY = 'sk-test-0123456789abcdefghij';
export const CRM_KEY = 'pat-eu1-0123456789abcdef';
export const SEALING_KEYS = `k1:${Buffer.alloc(32, 7).toString('base64')}`;

/** The sites that every world has registered, active. */
export const SITES = [
  'site-a',
  'site-b',
  'noisy',
  'quiet',
  ...Array.from({ length: 10 }, (_, number) => `site-${number}`),
];

/** An event to send; what is left out is made up. */
export interface TestEvent {
  type?: string;
  siteId?: string;
  key?: string;
  objectRef?: string;
  data?: Record<string, unknown>;
  /** The data as JSON, in place of `data`. */
  json?: string;
  mode?: EventMode;
  traceparent?: string;
  occurredAt?: string;
  /** In its subject, if another than its own. */
  subjectType?: string;
  /** When ingress accepted it; now unless given. */
  receivedAtMs?: number;
}

/** NATS, Postgres and the vendor simulator of one test, and enrichers to run on them. */
export interface World extends AsyncDisposable {
  db: Database;
  databaseUrl: string;
  connection: Connection;
  natsUrl: string;
  vendors: VendorSimulator;
  keyring: Keyring;
  /** Everything that the enrichers logged. */
  log: string[];
  start: (yaml: string, env?: Record<string, string>) => Promise<Enricher>;
  /** Starts an enricher whose file can be written again. */
  startRewritable: (
    yaml: string,
    env?: Record<string, string>,
  ) => Promise<{ enricher: Enricher; rewrite: (yaml: string) => Promise<void> }>;
  setSites: (status: SiteStatus, ...siteIds: string[]) => Promise<void>;
  /** Publishes an event, of `site-a` unless it names another of `SITES`; returns its request id. */
  send: (event?: TestEvent) => Promise<string>;
  /** Waits for the result of a run, opened. */
  result: (request: string, automation: string) => Promise<ResultBody>;
  /** The same, as the text that the site is sent. */
  resultText: (request: string, automation: string) => Promise<string>;
  deadLetters: (count: number) => Promise<DeadLetterMessage[]>;
}

/** For what a test itself asks of Postgres on a machine that is busy or pauses. */
const PATIENT = { connectTimeoutMs: 60_000, statementTimeoutMs: 120_000 };

export const testPostgres = (): Promise<TestPostgres> =>
  startTestPostgres({
    prepare: async (url) => {
      await using db = openDatabase({ url, applicationName: 'prepare', ...PATIENT });
      await migrate(db);
    },
  });

/** Starts a world on its own database, simulator and NATS server, unless one is given. */
export async function startWorld(postgres: TestPostgres, server?: { url: string }): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await postgres.createDatabase());
  // The test server acknowledges commits early, which a kill would lose.
  await using first = openDatabase({ url: database.url, applicationName: 'test', ...PATIENT });
  await sql`alter database ${sql.id(database.name)} set synchronous_commit = on`.execute(first);
  const db = stack.use(
    openDatabase({ url: database.url, applicationName: 'test', ...PATIENT, onError: () => undefined }),
  );
  const nats = server ?? stack.use(await startTestNats());
  const vendors = stack.use(await startVendorSimulator());
  const connection = stack.use(await openConnection({ url: nats.url, name: 'test' }));
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-enricher-'));
  stack.defer(() => rm(folder, { recursive: true }));
  await applyStreams(connection.nats, streamDefinitions(STREAM_DEFAULTS), consumerDefinitions(STREAM_DEFAULTS));
  const publisher = createPublisher(connection, 30_000);
  const keyring = createKeyring(SEALING_KEYS);
  const log: string[] = [];
  const running = stack.adopt(new Set<Enricher>(), async (all) => {
    for (const enricher of all) await enricher[Symbol.asyncDispose]();
  });

  const startRewritable: World['startRewritable'] = async (yaml, env = {}) => {
    const file = join(folder, `${randomUUID()}.yaml`);
    const rewrite = (text: string): Promise<void> => writeFile(file, text);
    await rewrite(yaml);
    const variables = {
      NATS_URL: nats.url,
      DATABASE_URL: database.url,
      SEALING_KEYS,
      AUTOMATIONS_FILE: file,
      AUTOMATIONS_ANY_DATA: 'true',
      OPS_HOST: '127.0.0.1',
      OPS_PORT: '0',
      WORKER_POLL_MS: '50',
      RESULT_SWEEP_MS: '100',
      SHUTDOWN_GRACE_MS: '4000',
      LLM_BASE_URL: `${vendors.url}/v1`,
      LLM_API_KEY: LLM_KEY,
      LLM_MODEL: 'simulated-1',
      CRM_BASE_URL: vendors.url,
      CRM_API_KEY: CRM_KEY,
      ...env,
    };
    const config = parseConfig(configSchema, variables);
    const enricher = await startEnricher(config, { env: variables, logger: recordingLogger(log) });
    running.add(enricher);
    return { enricher, rewrite };
  };
  const start: World['start'] = async (yaml, env) => (await startRewritable(yaml, env)).enricher;
  const setSites = async (status: SiteStatus, ...siteIds: string[]): Promise<void> => {
    const rows = siteIds.map((site_id) => ({
      site_id,
      status,
      issuer: `https://${site_id}.example`,
      audience: 'pressferry',
    }));
    await db
      .insertInto('sites')
      .values(rows)
      .onConflict((conflict) => conflict.column('site_id').doUpdateSet({ status }))
      .execute();
  };
  await setSites('active', ...SITES);
  const send = async (event: TestEvent = {}): Promise<string> => {
    const { type = 'post.published', siteId = 'site-a', key = randomUUID(), objectRef = '17' } = event;
    const now = new Date().toISOString();
    const data = event.data ?? { title: 'Harbour news', content: 'The new ferry sails every hour.' };
    const body = {
      event_type: type,
      object_ref: objectRef,
      idempotency_key: key,
      occurred_at: event.occurredAt ?? OCCURRED_AT,
      sent_at: now,
      data,
    };
    const request = requestId(siteId, key);
    const message = encodeEvent({
      requestId: request,
      siteId,
      eventType: type,
      objectRef,
      idempotencyKey: key,
      receivedAtMs: event.receivedAtMs ?? Date.now(),
      body: sealEventBody(
        keyring,
        Buffer.from(event.json === undefined ? JSON.stringify(body) : withData(body, event.json)),
        request,
      ),
      mode: event.mode ?? 'live',
    });
    const { kind } = await publisher.publish(eventSubject(0, siteId, event.subjectType ?? type), message, {
      'Nats-Msg-Id': `${eventMessageId(siteId, key)}:${randomUUID()}`,
      traceparent: event.traceparent ?? newTraceparent(),
    });
    if (kind !== 'stored') throw new Error(`the event was not stored: ${kind}`);
    return request;
  };
  const resultText = async (request: string, automation: string): Promise<string> => {
    const id = resultId(runId(request, automation));
    const row = await waitFor(
      () => db.selectFrom('results').selectAll().where('result_id', '=', id).executeTakeFirst(),
      { what: `the result of ${automation}` },
    );
    return keyring.open(row.sealed_body, `result:${id}`).toString('utf8');
  };
  const result = async (request: string, automation: string): Promise<ResultBody> =>
    JSON.parse(await resultText(request, automation));
  const deadLetters = async (count: number): Promise<DeadLetterMessage[]> => {
    const manager = await jetstreamManager(connection.nats);
    await waitFor(async () => (await manager.streams.info('DEADLETTERS')).state.messages >= count, {
      what: `${count} dead letters`,
    });
    const consumer = await jetstream(connection.nats).consumers.get('DEADLETTERS', { filter_subjects: ['pf.dead.>'] });
    const letters: DeadLetterMessage[] = [];
    for (let left = count; left > 0; left--) {
      const message = await consumer.next();
      if (message !== null) letters.push(decodeDeadLetter(message.data));
    }
    return letters;
  };
  const resources = stack.move();
  return {
    ...{
      db,
      databaseUrl: database.url,
      connection,
      natsUrl: nats.url,
      vendors,
      keyring,
      log,
      start,
      startRewritable,
      setSites,
      send,
      result,
      resultText,
      deadLetters,
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** A body with data that JSON.stringify could not write. */
const withData = ({ data: _data, ...rest }: Record<string, unknown>, json: string): string =>
  `${JSON.stringify(rest).slice(0, -1)},"data":${json}}`;

// The same for a repeat of a key, which would else be another body.
const OCCURRED_AT = new Date().toISOString();

/** A logger that writes nowhere but into `lines`. */
function recordingLogger(lines: string[]): Logger {
  const logger = createLogger('enricher', 'debug');
  const stream = Object.getOwnPropertySymbols(logger).find(({ description }) => description === 'pino.stream');
  if (stream === undefined) throw new Error('pino has no stream');
  Object.assign(logger, { [stream]: { write: (line: string) => void lines.push(line) } });
  return logger;
}
