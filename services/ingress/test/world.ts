import { randomUUID } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { after } from 'node:test';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import {
  consumerDefinitions,
  decodeEvent,
  type EventMessage,
  type Problem,
  STREAM_DEFAULTS,
  type StreamOptions,
  streamDefinitions,
} from '@pressferry/contracts';
import { applyStreams, type Connection, openConnection } from '@pressferry/jetstream';
import { createKeyring, openEventBody, parseConfig } from '@pressferry/runtime';
import { applySitesBucket, markPublished, putSite, type SiteRecord, secretContext } from '@pressferry/sites';
import {
  type RequestOverrides,
  rsaKeyPair,
  type SignedRequest,
  signedRequest,
  signedToken,
  startTestNats,
  type TestSender,
  waitFor,
} from '@pressferry/testing';
import { configSchema, type Ingress, type IngressDeps, startIngress } from '../src/app.ts';

export const SEALING_KEYS = `test:${Buffer.alloc(32, 7).toString('base64')}`;
export const keyring = createKeyring(SEALING_KEYS);

/** An answer of ingress, its body parsed. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Partial<Problem> & { request_id?: string; status?: string | number; duplicate?: boolean };
}

/** The product's streams on servers that run, for one test file. No Postgres: ingress needs none. */
export interface Streams extends AsyncDisposable {
  natsUrl: string;
  connection: Connection;
  manager: JetStreamManager;
  /** Starts ingress in this process, limits lifted and plain HTTP allowed unless the variables say otherwise. */
  start: (env?: Record<string, string>, deps?: IngressDeps) => Promise<Ingress>;
  /** Registers a site; resolves once the given replicas know it. */
  site: (members?: Partial<SiteRecord>, ...replicas: Ingress[]) => Promise<TestSender>;
  put: (record: SiteRecord) => Promise<void>;
  /** Every event stored for a site, in order. */
  events: (siteId: string) => Promise<EventMessage[]>;
  /** The headers of the last event stored for a site. */
  lastHeader: (siteId: string, name: string) => Promise<string | undefined>;
}

/** The same on a NATS of its own. */
export interface World extends Streams {
  nats: Awaited<ReturnType<typeof startTestNats>>;
}

/** Where requests go: an ingress of this process, or one in its own. */
export type Target = Pick<Ingress, 'apiUrl'>;

export const BASE_ENV = {
  SEALING_KEYS,
  LOG_LEVEL: process.env.LOG_LEVEL ?? 'silent',
  OPS_HOST: '127.0.0.1',
  OPS_PORT: '0',
  HTTP_HOST: '127.0.0.1',
  HTTP_PORT: '0',
  INSECURE: 'true',
  RATE_LIMIT_IP_PER_MINUTE: '0',
  RATE_LIMIT_SITE_PER_MINUTE: '0',
  SHUTDOWN_GRACE_MS: '5000',
  REFUSAL_DELAY_MS: '0',
  // Longer than a machine pauses.
  PUBLISH_TIMEOUT_MS: '10000',
};

const opened = new AsyncDisposableStack();
after(() => opened.disposeAsync());
/** Disposes of a resource when the file's tests are over; the last one goes first. */
export const untilEnd = <T extends AsyncDisposable>(resource: T): T => opened.use(resource);

/** What most files work with, until their end: a world, an ingress in it, and a site that it knows. */
export async function startScene(env: Record<string, string> = {}, deps: IngressDeps = {}) {
  const world = untilEnd(await createWorld());
  const ingress = untilEnd(await world.start(env, deps));
  return { world, ingress, site: await world.site({}, ingress) };
}

/** Starts NATS and applies streams and the sites bucket. */
export async function createWorld(options: Partial<StreamOptions> = {}): Promise<World> {
  await using resources = new AsyncDisposableStack();
  const nats = resources.use(await startTestNats());
  const world = resources.use(await joinWorld(nats.url, options));
  const owned = resources.move();
  return { ...world, nats, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The same on servers that run already. */
export async function joinWorld(natsUrl: string, options: Partial<StreamOptions> = {}): Promise<Streams> {
  await using resources = new AsyncDisposableStack();
  const connection = resources.use(await openConnection({ url: natsUrl, name: 'test' }));
  const streams = { ...STREAM_DEFAULTS, ...options };
  await applyStreams(connection.nats, streamDefinitions(streams), consumerDefinitions(streams));
  const bucket = await applySitesBucket(connection.nats, streams.replicas);
  await markPublished(bucket);
  const manager = await jetstreamManager(connection.nats);
  const owned = resources.move();
  const put = (record: SiteRecord): Promise<void> => putSite(bucket, record);
  return {
    natsUrl,
    connection,
    manager,
    put,
    start: (env = {}, deps = {}) =>
      startIngress(parseConfig(configSchema, { ...BASE_ENV, NATS_URL: natsUrl, ...env }), deps),
    site: async (members = {}, ...replicas) => {
      const record = siteRecord(members);
      await put(record);
      const sender = senderOf(record);
      await Promise.all(replicas.map((replica) => untilKnown(replica, sender)));
      return sender;
    },
    events: (siteId) => readEvents(manager, siteId),
    lastHeader: async (siteId, name) => {
      const last = { last_by_subj: `pf.event.0.${siteId}.>` };
      return (await manager.direct.getMessage('EVENTS', last))?.header.get(name);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A site's record with the first RSA test key and its own secret. */
export function siteRecord(members: Partial<SiteRecord> = {}): SiteRecord {
  const siteId = members.site_id ?? `site-${randomUUID().slice(0, 8)}`;
  const { kid, publicPem } = rsaKeyPair(0);
  return {
    site_id: siteId,
    status: 'active',
    issuer: `https://${siteId}.example`,
    audience: 'pressferry',
    callback_url: null,
    keys: [{ kid, algorithm: 'RS256', public_key: publicPem, expires_at: null }],
    secrets: [{ sealed_secret: keyring.seal(secretOf(siteId), secretContext(siteId)), expires_at: null }],
    settings: {},
    ...members,
  };
}

export const secretOf = (siteId: string): string => `secret of ${siteId} – Œuvre`;

export function senderOf({ site_id: siteId, issuer }: SiteRecord): TestSender {
  const { kid, privateKey } = rsaKeyPair(0);
  return { siteId, issuer, kid, alg: 'RS256', privateKey, hmacSecret: secretOf(siteId) };
}

/** Waits until the replica no longer says that the site is unknown; what it is asked carries no valid signature. */
async function untilKnown(ingress: Ingress, sender: TestSender): Promise<void> {
  const isKnown = async () =>
    ['signature_mismatch', 'site_disabled'].includes(
      String(outcome(await post(ingress, sender, { bodyAfterSigning: '{}' }))),
    );
  await waitFor(isKnown, { what: `the replica to know ${sender.siteId}`, everyMs: 5 });
}

/** What came of a request: its status, or the code of its refusal. */
export const outcome = ({ status, body }: Answer): number | string => body.code ?? status;

/** Sends again and again until one request has this outcome. */
export const becomes = (send: () => Promise<Answer>, wanted: number | string) =>
  waitFor(
    async () => {
      const answer = await send();
      return outcome(answer) === wanted && answer;
    },
    { what: `an answer ${wanted}` },
  );

/** A second, which neither a slow machine nor a pause of NATS or of this process makes shorter. */
const SOON = { everyMs: 50, most: 20 };

/** The same within a second: each question waits for NATS, too. */
export const becomesSoon = (
  { connection }: Pick<Streams, 'connection'>,
  send: () => Promise<Answer>,
  wanted: number | string,
): Promise<unknown> =>
  waitFor(
    async () => {
      await connection.nats.flush();
      return outcome(await send()) === wanted;
    },
    { what: `an answer ${wanted}`, ...SOON },
  );

/** Sends so many at once, each to the next of the replicas. */
export const spread = <T extends Target>(
  replicas: readonly T[],
  count: number,
  one: (to: T, at: number) => Promise<Answer>,
) => Promise.all(Array.from({ length: count }, (_, at) => one(replicas[at % replicas.length] as T, at)));

/** Sends a request as it is, headers in the order and number given. */
export const send = (to: Target, { headers, body }: Pick<SignedRequest, 'headers' | 'body'>): Promise<Answer> =>
  sendAs(to, { method: 'POST', path: '/ingest', headers, body });

export const post = (to: Target, sender: TestSender, overrides: RequestOverrides = {}): Promise<Answer> =>
  send(to, signedRequest(sender, overrides));

export const get = (to: Target, path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  sendAs(to, { method: 'GET', path, headers });

/** Asks what became of an event. */
export const ask = (to: Target, sender: TestSender, key: string, token = signedToken(sender)): Promise<Answer> =>
  get(to, `/ingest/${key}`, { authorization: `Bearer ${token}` });

export const metricsOf = async ({ opsUrl }: Pick<Ingress, 'opsUrl'>): Promise<string> =>
  (await fetch(`${opsUrl}/metrics`)).text();

/** A metric by its name without prefix, with its labels; 0 if it is not there. */
export async function metric(of: Pick<Ingress, 'opsUrl'>, name: string): Promise<number> {
  const line = (await metricsOf(of)).split('\n').find((found) => found.startsWith(`pressferry_ingress_${name} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}

export interface RawRequest {
  method: string;
  path: string;
  /** A list of name, value, name, value … if one is to be sent twice. */
  headers: Record<string, string> | string[];
  body?: string | Buffer;
}

/** Sends any request over HTTP or, with `tls`, over TLS. */
export function sendAs({ apiUrl }: Target, { method, path, headers, body }: RawRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${apiUrl}${path}`, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text === '' ? {} : JSON.parse(text),
        });
      });
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function readEvents(manager: JetStreamManager, siteId: string): Promise<EventMessage[]> {
  const events: EventMessage[] = [];
  for (let sequence = 1; ; ) {
    const next = await manager.direct.getMessage('EVENTS', { seq: sequence, next_by_subj: `pf.event.0.${siteId}.>` });
    if (next === null) return events;
    const event = decodeEvent(next.data);
    events.push({ ...event, body: openEventBody(keyring, event.body, event.requestId) });
    sequence = next.seq + 1;
  }
}
