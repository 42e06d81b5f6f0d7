import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { BUILT_IN_EVENT_TYPES, loadCatalogue } from '@pressferry/contracts';
import { openDatabase } from '@pressferry/database';
import { freePort } from '@pressferry/embedded';
import { openConnection } from '@pressferry/jetstream';
import { addSiteKey, addSiteSecret, publishSite, registerSite } from '@pressferry/registry';
import { createKeyring } from '@pressferry/runtime';
import { rsaKeyPair, signedRequest, signedToken, type TestSender, waitFor } from '@pressferry/testing';
import { parse } from 'yaml';
import { ruleFiles } from '../../scripts/alerts.ts';
import { findProgram } from '../../wordpress/lanes/lane.ts';
import { startMariaDb } from '../../wordpress/lanes/mariadb.ts';
import { nativeLane } from '../../wordpress/lanes/native.ts';
import { serve } from '../../wordpress/lanes/native-servers.ts';
import { createNativeSite } from '../../wordpress/lanes/native-site.ts';
import { COMPOSE_FILE, ENV_FILE, readCompose, startCompose } from './compose-stack.ts';

const CLI = 'packages/admin/src/main.ts';

// All of them before the first test: one that is declared later may run after the file's end was taken for come.
const go = await findProgram('go');
const caddy = await findProgram('caddy');
const withoutWordPress = await nativeLane.unavailable();

test('Prometheus of compose.yaml reads every rule file, and scrapes every service', () => {
  const config = parse(readCompose().configs.prometheus?.content ?? '') as {
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
  const { databaseUrl, natsUrl, http } = await startCompose(opened);
  const site = await registered(databaseUrl, natsUrl, ENV_FILE.SEALING_KEYS ?? '');
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
    { what: 'the result', everyMs: 200 },
  );
  assert.match(result, /"automation":"summarize-post","status":"succeeded"/);
});

test('compose-go, the parser of Docker Compose, takes compose.yaml under every profile', {
  skip: go === undefined ? 'Go is not installed' : false,
}, async () => {
  const profiles = ['-', 'tls', 'grafana', 'wordpress', 'tls,grafana,wordpress'];
  const checker = ['run', '-C', join(import.meta.dirname, 'compose-go'), '.'];
  const check = (env: Record<string, string>) =>
    promisify(execFile)(go ?? 'go', [...checker, COMPOSE_FILE, ...profiles], { env: { ...process.env, ...env } });
  const { stdout } = await check(ENV_FILE);
  const names = Object.keys(readCompose().services).sort().join(' ');
  assert.equal(stdout.trim().split('\n').at(-1), `${profiles.at(-1)}: ${names}`);
  // Without .env it says which variable is missing.
  await assert.rejects(check({}), /is in \.env, see the top of compose\.yaml/);
});

test('with the profile tls the test event goes the whole way over HTTPS, and plain HTTP is refused', {
  skip: caddy === undefined ? 'Caddy is not installed' : false,
}, async () => {
  await using opened = new AsyncDisposableStack();
  // As the top of compose.yaml says; Caddy comes from this machine here.
  const stack = await startCompose(opened, { env: { INSECURE: 'false', TRUSTED_PROXIES: '127.0.0.1' } });
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-compose-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const [https, http] = [await freePort(), await freePort()];
  const local = (text: string, name: string) => text.replace(`${name}:8080`, new URL(stack.http[name] ?? '').host);
  const sites = ['ingress', 'callback'].reduce(local, stack.compose.configs.caddy?.content ?? '');
  const options = `{\n  admin off\n  skip_install_trust\n  http_port ${http}\n  https_port ${https}\n}\n`;
  await writeFile(join(folder, 'Caddyfile'), `${options}${sites}`);
  const child = spawn(caddy ?? 'caddy', ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')], {
    env: { ...stack.environment('caddy'), HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    stdio: 'ignore',
  });
  opened.defer(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
  });
  const authority = join(folder, 'caddy/pki/authorities/local/root.crt');
  await waitFor(() => readFile(authority).catch(() => undefined), { what: "Caddy's certificate" });
  const moved = await waitFor(
    () => fetch(`http://localhost:${http}/ingest`, { redirect: 'manual' }).catch(() => undefined),
    { what: 'Caddy to answer' },
  );
  assert.equal(moved.status, 308);

  const testSite = join(folder, 'test.json');
  await stack.exec('callback', [CLI, 'sites', 'make-test', '--out', testSite]);
  const send = ['send', '--url', `https://localhost:${https}`, '--as', testSite, '--wait', '60s', '--json'];
  const sent = await stack.exec('callback', [CLI, ...send], { NODE_EXTRA_CA_CERTS: authority });
  assert.match(sent, /"succeeded"/);
  const direct = await fetch(`${stack.http.ingress}/ingest`, { method: 'POST' });
  assert.deepEqual([direct.status, ((await direct.json()) as { code?: string }).code], [403, 'https_required']);
});

test('with the profile wordpress the plugin connects by a token, and its test event comes back', {
  skip: withoutWordPress ?? false,
  timeout: 240_000,
}, async () => {
  await using opened = new AsyncDisposableStack();
  const stack = await startCompose(opened, { env: { ALLOW_PRIVATE_ADDRESSES: 'true' } });
  const dir = await mkdtemp(join(tmpdir(), 'pressferry-compose-'));
  opened.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  // The environment of the container is that of its PHP.
  for (const [name, value] of Object.entries(stack.environment('wordpress'))) {
    if (!name.startsWith('PRESSFERRY_')) continue;
    process.env[name] = value;
    opened.defer(() => void delete process.env[name]);
  }
  const databasePort = await startMariaDb(dir, opened);
  const site = await createNativeSite({ dir, databasePort, port: await freePort(), config: WP_CLI });
  await serve('php -S', site, { dir, workers: 3, stack: opened });
  const enrol = ['sites', 'enroll-token', '--url', stack.http.callback ?? ''];
  const invitation = (await stack.exec('callback', [CLI, ...enrol])).trim().split('\n').at(-1) ?? '';
  const connected = await site.php(`WP_CLI::run( 'enroll', array( '${invitation}' ) );`);
  assert.match(connected, /This site is connected as/);
  const trip = JSON.parse(await site.php("WP_CLI::run( 'trip', array() );")) as { code: string; steps: object };
  assert.deepEqual(
    [trip.code, trip.steps],
    ['', { sent: 'done', accepted: 'done', processed: 'done', received: 'done' }],
  );
});

/** As much of WP-CLI as runs the plugin's commands: they print JSON. */
const WP_CLI = `define( 'WP_CLI', true );
class WP_CLI {
	static $commands = array();
	static function add_command( $name, $command ) { self::$commands[ $name ] = $command; }
	static function line( $text ) { echo $text, "\\n"; }
	static function warning( $text ) { fwrite( STDERR, "$text\\n" ); }
	static function success( $text ) { echo $text, "\\n"; }
	static function error( $text ) { fwrite( STDERR, "$text\\n" ); exit( 1 ); }
	static function halt( $code ) { exit( $code ); }
	static function run( $name, $args ) {
		call_user_func( self::$commands[ "pressferry $name" ], $args, 'trip' === $name ? array( 'format' => 'json' ) : array() );
	}
}`;

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
