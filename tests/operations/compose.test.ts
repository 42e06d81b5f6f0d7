import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { BUILT_IN_EVENT_TYPES, loadCatalogue } from '@pressferry/contracts';
import { openDatabase } from '@pressferry/database';
import { openConnection } from '@pressferry/jetstream';
import { addSiteKey, addSiteSecret, publishSite, registerSite } from '@pressferry/registry';
import { createKeyring } from '@pressferry/runtime';
import {
  rsaKeyPair,
  signedRequest,
  signedToken,
  startTestNats,
  startTestPostgres,
  type TestSender,
  waitFor,
} from '@pressferry/testing';
import { parse } from 'yaml';
import { ruleFiles } from '../../scripts/alerts.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Service {
  command?: string[];
  environment?: Record<string, string>;
}
interface Compose {
  services: Record<string, Service>;
  configs: Record<string, { content: string }>;
}

/** What `.env` holds after the two lines at the top of compose.yaml. */
const ENV_FILE: Record<string, string> = {
  SEALING_KEYS: `main:${Buffer.alloc(32, 7).toString('base64')}`,
  POSTGRES_PASSWORD: 'x',
};

/** Puts the variables of `.env` in, as Compose does: `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?message}`. */
const interpolated = (text: string): string =>
  text.replaceAll(
    /\$\{(\w+)(?::?-([^}]*)|:\?[^}]*)?\}/g,
    (_, name: string, otherwise = '') => ENV_FILE[name] ?? otherwise,
  );

const compose = parse(interpolated(readFileSync(join(ROOT, 'compose.yaml'), 'utf8')), { merge: true }) as Compose;

test('Prometheus of compose.yaml reads every rule file, and scrapes every service', () => {
  const config = parse(compose.configs.prometheus?.content ?? '') as {
    rule_files: string[];
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
  };
  assert.deepEqual(
    config.rule_files.map((path) => path.split('/').at(-1)),
    ruleFiles().map(([path]) => path.split('/').at(-1)),
  );
  assert.deepEqual(
    config.scrape_configs.map(({ job_name, static_configs }) => [job_name, static_configs[0]?.targets]),
    ['ingress', 'enricher', 'callback'].map((name) => [name, [`${name}:9464`]]),
  );
});

test('with the defaults of compose.yaml an event is accepted and its result can be polled', async () => {
  await using opened = new AsyncDisposableStack();
  const nats = opened.use(await startTestNats());
  const postgres = opened.use(await startTestPostgres());
  const database = opened.use(await postgres.createDatabase());
  const vendorPort = await freePort();
  const environment = (service: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(compose.services[service]?.environment ?? {}).map(([name, value]) => [
        name,
        name === 'DATABASE_URL'
          ? database.url
          : String(value)
              .replace('nats://nats:4222', nats.url)
              .replace('http://vendors:8090', `http://127.0.0.1:${vendorPort}`)
              .replace('/app/', `${ROOT}/`),
      ]),
    );
  const start = (service: string, more: Record<string, string>, args: string[] = []): ChildProcess => {
    const command = compose.services[service]?.command ?? [];
    return spawn(process.execPath, ['--import', '@pressferry/runtime/telemetry', ...command, ...args], {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        ...environment(service),
        ...more,
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  };
  for (const job of ['migrate', 'streams']) assert.deepEqual(await once(start(job, {}), 'exit'), [0, null], job);
  const keep = (child: ChildProcess): void =>
    opened.defer(async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    });
  // Its own flag beats the one that is there already.
  keep(start('vendors', {}, ['--host', '127.0.0.1', '--port', String(vendorPort)]));
  const http: Record<string, string> = {};
  const ops: Record<string, string> = {};
  for (const service of ['ingress', 'enricher', 'callback']) {
    const [apiPort, opsPort] = [await freePort(), await freePort()];
    http[service] = `http://127.0.0.1:${apiPort}`;
    ops[service] = `http://127.0.0.1:${opsPort}`;
    keep(start(service, { HTTP_PORT: String(apiPort), OPS_PORT: String(opsPort), LOG_LEVEL: 'silent' }));
  }
  for (const [service, url] of Object.entries(ops)) {
    const isReady = async () => {
      const answer = await fetch(`${url}/readyz`);
      if (!answer.ok) throw new Error(await answer.text());
      return true;
    };
    await waitFor(isReady, { what: `${service} to be ready`, timeoutMs: 60_000, everyMs: 100 });
  }
  const site = await registered(database.url, nats.url, environment('callback').SEALING_KEYS ?? '');
  const { sample } = loadCatalogue([BUILT_IN_EVENT_TYPES]).get('post.published') ?? {};
  const send = async () => {
    const { method, headers, body } = signedRequest(site, {
      event: { event_type: 'post.published', object_ref: '1', data: sample },
    });
    const response = await fetch(`${http.ingress}/ingest`, { method, headers, body });
    return { status: response.status, answer: (await response.json()) as { request_id?: string; code?: string } };
  };
  const accepted = await waitFor(
    async () => {
      const sent = await send();
      return sent.answer.code === 'site_unknown' ? undefined : sent;
    },
    { what: 'ingress to know the site' },
  );
  assert.equal(accepted.status, 202, JSON.stringify(accepted.answer));
  const result = await waitFor(
    async () => {
      const headers = { authorization: `Bearer ${signedToken(site)}` };
      const response = await fetch(`${http.callback}/results/${accepted.answer.request_id}`, { headers });
      return response.status === 200 ? response.text() : undefined;
    },
    { what: 'the result', timeoutMs: 15_000, everyMs: 200 },
  );
  assert.match(result, /"automation":"summarize-post","status":"succeeded"/);
});

async function registered(databaseUrl: string, natsUrl: string, sealingKeys: string): Promise<TestSender> {
  await using db = openDatabase({ url: databaseUrl, applicationName: 'compose' });
  await using connection = await openConnection({ url: natsUrl, name: 'compose' });
  const { privateKey, publicKey } = rsaKeyPair(0);
  const site: TestSender = {
    siteId: 'my-site',
    issuer: 'https://a.example',
    audience: 'pressferry',
    kid: 'k1',
    alg: 'RS256',
    privateKey,
    hmacSecret: 'a'.repeat(64),
  };
  await registerSite(db, {
    siteId: site.siteId,
    issuer: site.issuer,
    audience: 'pressferry',
    callbackUrl: null,
    settings: {},
  });
  await addSiteKey(db, {
    siteId: site.siteId,
    kid: site.kid,
    algorithm: 'RS256',
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  });
  await addSiteSecret(db, createKeyring(sealingKeys), { siteId: site.siteId, secret: site.hmacSecret });
  await publishSite(db, connection.nats, site.siteId);
  return site;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
