import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import {
  consumerDefinitions,
  encodeResult,
  requestId,
  resultId,
  resultSubject,
  runId,
  STREAM_DEFAULTS,
  streamDefinitions,
} from '@pressferry/contracts';
import { type Database, migrate, migrateUpTo, openDatabase } from '@pressferry/database';
import { applyStreams, type Connection, createPublisher, openConnection, type Publisher } from '@pressferry/jetstream';
import { addSiteKey, addSiteSecret, publishSite, registerSite } from '@pressferry/registry';
import { createKeyring, parseConfig } from '@pressferry/runtime';
import { applySitesBucket, markPublished } from '@pressferry/sites';
import { rsaKeyPair, signedToken, startTestNats, startTestPostgres, type TestPostgres } from '@pressferry/testing';
import { sql } from 'kysely';
import { type CallbackDeps, configSchema, startCallback } from '../src/app.ts';

export const SEALING_KEYS = `test:${Buffer.alloc(32, 7).toString('base64')}`;
export const keyring = createKeyring(SEALING_KEYS);
export const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Servers, schema and streams for one test file, and what a test does with them in the place of the other services. */
export interface World extends AsyncDisposable {
  nats: Awaited<ReturnType<typeof startTestNats>>;
  postgres: TestPostgres;
  db: Database;
  connection: Connection;
  publisher: Publisher;
  env: Record<string, string>;
  /** Starts callback in this process with fast settings and the given variables over them. */
  start: (env?: Record<string, string>, deps?: CallbackDeps) => ReturnType<typeof startCallback>;
  /** Registers a site and publishes it; returns its id and secret. */
  site: (members?: SiteMembers) => Promise<TestSite>;
  /** Publishes a site again after a change in Postgres. */
  republish: (siteId: string) => Promise<void>;
  /** Stores a finished run's result, and publishes it unless told not to. */
  result: (site: TestSite, members?: ResultMembers) => Promise<TestResult>;
  publish: (result: TestResult, headers?: Record<string, string>, message?: Uint8Array) => Promise<void>;
  token: (site: TestSite) => string;
  status: (resultId: string) => Promise<string | undefined>;
}

export interface SiteMembers {
  /** Made up if it is left out. */
  siteId?: string;
  callbackUrl?: string | null;
  status?: 'active' | 'paused' | 'disabled';
  settings?: { rate_limit?: { per_minute: number; burst?: number } };
}

export interface TestSite {
  siteId: string;
  issuer: string;
  secret: string;
}

export interface ResultMembers {
  idempotencyKey?: string;
  automation?: string;
  output?: Record<string, unknown>;
  publish?: boolean;
  db?: Database;
}

export interface TestResult {
  filedAt: Date | number;
  resultId: string;
  requestId: string;
  runId: string;
  siteId: string;
  traceparent: string;
}

/** For what a test itself asks of Postgres on a machine that is busy or pauses. */
const PATIENT = { connectTimeoutMs: 60_000, statementTimeoutMs: 120_000 };

/** With the schema of this release, or of an older one as it was left by a migration. */
export const testPostgres = (upTo?: string): Promise<TestPostgres> =>
  startTestPostgres({
    prepare: async (url) => {
      await using db = openDatabase({ url, applicationName: 'prepare', ...PATIENT });
      await (upTo === undefined ? migrate(db) : migrateUpTo(db, upTo));
    },
  });

/** The schema is as `testPostgres` makes it. */
export async function createWorld({ upTo }: { upTo?: string } = {}): Promise<World> {
  await using resources = new AsyncDisposableStack();
  const nats = resources.use(await startTestNats());
  const postgres = resources.use(await testPostgres(upTo));
  const database = resources.use(await postgres.createDatabase());
  const db = resources.use(openDatabase({ url: database.url, applicationName: 'test', ...PATIENT }));
  const connection = resources.use(await openConnection({ url: nats.url, name: 'test' }));
  await applyStreams(connection.nats, streamDefinitions(STREAM_DEFAULTS), consumerDefinitions({ shards: 1 }));
  await markPublished(await applySitesBucket(connection.nats, 1));
  const publisher = createPublisher(connection, 30_000);
  const owned = resources.move();

  const env = {
    NATS_URL: nats.url,
    DATABASE_URL: database.url,
    SEALING_KEYS,
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'silent',
    OPS_HOST: '127.0.0.1',
    OPS_PORT: '0',
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    ALLOW_PRIVATE_ADDRESSES: 'true',
    ALLOW_HTTP_CALLBACKS: 'true',
    RETRY_SCHEDULE_MS: '50,50,50,50,50,50,50,50',
    POLL_INTERVAL_MS: '50',
    RESUME_SPACING_MS: '1',
    BREAKER_PROBE_MIN_MS: '50',
    BREAKER_PROBE_MAX_MS: '100',
    SHUTDOWN_GRACE_MS: '3000',
    // Longer than a machine pauses: what a test does not end itself goes on.
    ATTEMPT_TIMEOUT_MS: '60000',
    FIRST_ATTEMPT_TIMEOUT_MS: '60000',
    CONNECT_TIMEOUT_MS: '60000',
    REGISTRY_MAX_AGE_MS: '60000',
    PUBLISH_TIMEOUT_MS: '10000',
    // A replica that takes the place of another begins with empty buckets: at this rate they are full in a moment.
    RATE_LIMIT_SITE_PER_MINUTE: '600000',
  };
  const republish = (siteId: string): Promise<void> => publishSite(db, connection.nats, siteId);
  const publish = async (
    result: TestResult,
    headers: Record<string, string> = {},
    message = encodeResult({ ...result, completedAtMs: Date.now() }),
  ): Promise<void> => {
    await publisher.publish(resultSubject(0, result.siteId), message, { 'Nats-Msg-Id': randomUUID(), ...headers });
  };
  return {
    nats,
    postgres,
    db,
    connection,
    publisher,
    env,
    republish,
    publish,
    start: (overrides = {}, deps = {}) => startCallback(parseConfig(configSchema, { ...env, ...overrides }), deps),
    site: async (members = {}) => {
      const siteId = members.siteId ?? `site-${randomUUID().slice(0, 8)}`;
      const issuer = `https://${siteId}.example`;
      const secret = `secret of ${siteId} – Œuvre`;
      await registerSite(db, { ...members, siteId, issuer });
      const { kid, publicPem } = rsaKeyPair(0);
      await addSiteKey(db, { siteId, kid, algorithm: 'RS256', publicKey: publicPem });
      await addSiteSecret(db, keyring, { siteId, secret });
      await republish(siteId);
      return { siteId, issuer, secret };
    },
    result: async (site, members = {}) => {
      const result = await storeResult(members.db ?? db, site, members);
      if (members.publish !== false) await publish(result);
      return result;
    },
    token: ({ siteId, issuer }) => {
      const { kid, privateKey } = rsaKeyPair(0);
      return signedToken({ siteId, issuer, kid, alg: 'RS256', privateKey });
    },
    status: async (id) => {
      const row = await db.selectFrom('deliveries').select('status').where('result_id', '=', id).executeTakeFirst();
      return row?.status;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Writes what the enricher leaves behind when a run is finished. */
async function storeResult(db: Database, { siteId }: TestSite, members: ResultMembers): Promise<TestResult> {
  const idempotencyKey = members.idempotencyKey ?? randomUUID();
  const automation = members.automation ?? 'summarize';
  const event = requestId(siteId, idempotencyKey);
  const run = runId(event, automation);
  const id = resultId(run);
  const at = new Date();
  const traceparent = `00-${randomUUID().replaceAll('-', '')}-00f067aa0ba902b7-01`;
  await db
    .insertInto('event_keys')
    .values({ request_id: event, filed_at: at })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { filed_at } = await db
    .selectFrom('event_keys')
    .select('filed_at')
    .where('request_id', '=', event)
    .executeTakeFirstOrThrow();
  await db
    .insertInto('events')
    .values({
      filed_at,
      request_id: event,
      site_id: siteId,
      idempotency_key: idempotencyKey,
      event_type: 'form.submitted',
      object_ref: 'entry-1',
      occurred_at: at,
      received_at: at,
      mode: 'live',
      fingerprint: 'none',
      traceparent,
      sealed_body: 'none',
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  await db
    .insertInto('past_runs')
    .values({
      ...{ filed_at, run_id: run, request_id: event, site_id: siteId, idempotency_key: idempotencyKey, automation },
      ...{ vendor: 'llm', status: 'succeeded' },
    })
    .execute();
  const body = {
    result_id: id,
    request_id: event,
    idempotency_key: idempotencyKey,
    event_type: 'form.submitted',
    object_ref: 'entry-1',
    automation,
    status: 'succeeded',
    output: members.output ?? { summary: 'Die Fähre fährt – jede Stunde 🚢.' },
    completed_at: at.toISOString(),
  };
  const sealed_body = keyring.seal(JSON.stringify(body), `result:${id}`);
  await db
    .insertInto('results')
    .values({ filed_at, result_id: id, run_id: run, request_id: event, site_id: siteId, sealed_body, completed_at: at })
    .execute();
  return { filedAt: filed_at, resultId: id, requestId: event, runId: run, siteId, traceparent };
}

export async function readDeadLetters(connection: Connection, siteId: string): Promise<StoredMsg[]> {
  const manager = await jetstreamManager(connection.nats);
  const subject = `pf.dead.callback.${siteId}`;
  const letters: StoredMsg[] = [];
  for (let sequence = 0; ; ) {
    const next = await manager.direct.getMessage('DEADLETTERS', { seq: sequence + 1, next_by_subj: subject });
    if (next === null) return letters;
    letters.push(next);
    sequence = next.seq;
  }
}

/** True if a connection waits for results that another has locked. */
export async function waitsForResults(db: Database): Promise<boolean> {
  const { rows } = await sql`select from pg_stat_activity
    where wait_event_type = 'Lock' and query like '%lock_results%' and pid <> pg_backend_pid()`.execute(db);
  return rows.length > 0;
}

/** A delivery that waits, of a result or of none. */
export const waiting = (result: Pick<TestResult, 'resultId' | 'siteId'> & Partial<TestResult>) => ({
  filed_at: result.filedAt ?? new Date(),
  result_id: result.resultId,
  run_id: result.runId ?? randomUUID(),
  request_id: result.requestId ?? randomUUID(),
  site_id: result.siteId,
  completed_at: new Date(),
});
