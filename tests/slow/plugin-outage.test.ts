import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startStack } from '@pressferry/devstack';
import { freePort } from '@pressferry/embedded';
import { waitFor } from '@pressferry/testing';
import { startMariaDb } from '../../wordpress/lanes/mariadb.ts';
import { nativeLane } from '../../wordpress/lanes/native.ts';
import { builtInArgs } from '../../wordpress/lanes/native-servers.ts';
import { createNativeSite, type NativeSite } from '../../wordpress/lanes/native-site.ts';
import { FAST, loadSite, quietOptions } from '../e2e/stack.ts';

const EVENTS = 500;
// `make test-all OUTAGE_MINUTES=10`: so long the backend is down, with the plugin's own waits. 0: one round with short waits.
const OUTAGE_MINUTES = Number(process.env.OUTAGE_MINUTES ?? 0);
const ROUND_MS = 10_000;
// The plugin's breaker stays open for five minutes at most, and then waits for a tick.
const BREAKER_MS = OUTAGE_MINUTES > 0 ? 360_000 : 0;
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
const hasFaketime = await access(FAKETIME).then(
  () => true,
  () => false,
);
const missing =
  (await nativeLane.unavailable()) ?? (hasFaketime ? undefined : 'libfaketime is not installed (Debian: faketime)');

const RECORD = `
if ( isset( $_GET['record'] ) ) {
	add_action( 'wp_loaded', function () {
		for ( $i = (int) $_GET['from']; $i < (int) $_GET['from'] + (int) $_GET['record']; $i++ ) {
			pressferry_record_event( 'pressferry.test', 'event-' . $i, array( 'plugin_version' => 'x', 'wordpress_version' => 'y' ) );
		}
		exit( 'recorded' );
	} );
}`;

/** Serves the site by PHP itself, its clock twenty minutes ahead, as a group of processes that can be killed at once. */
async function servePhp(site: NativeSite): Promise<ChildProcess> {
  const child = spawn('php', await builtInArgs(site), {
    cwd: site.root,
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, PHP_CLI_SERVER_WORKERS: '6', LD_PRELOAD: FAKETIME, FAKETIME: '+20m' },
  });
  await waitFor(async () => (await fetch(`${site.url}/wp-login.php`).catch(() => undefined))?.ok || undefined, {
    what: 'PHP to answer',
    timeoutMs: 30_000,
    everyMs: 200,
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await ended;
}

/** Passes connections on to ingress, and tells of each. */
async function passOn(port: number, to: string, onConnection: () => void): Promise<Server> {
  const { hostname, port: target } = new URL(to);
  const server = createServer((socket) => {
    onConnection();
    const onward = connect(Number(target), hostname);
    socket.pipe(onward).pipe(socket);
    for (const one of [socket, onward]) one.on('error', () => one.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

test('500 events recorded while the backend is down, PHP killed in the middle of sending, its clock 20 minutes ahead: all arrive, each once', {
  skip: missing ?? false,
  timeout: 600_000 + BREAKER_MS + OUTAGE_MINUTES * 60_000,
}, async () => {
  await using resources = new AsyncDisposableStack();
  const quiet = await quietOptions(resources);
  // Longer than PHP is away: the fast settings of other tests would give results up meanwhile.
  const callback = { ...FAST.callback, RETRY_SCHEDULE_MS: Array.from({ length: 50 }, () => '10000').join(',') };
  const stack = resources.use(await startStack({ ...quiet, serviceEnv: { ...FAST, callback } }));
  const { siteId, kid, issuer, audience, hmacSecret, privateKeyFile } = loadSite(stack);
  const dir = await mkdtemp(join(tmpdir(), 'pressferry-outage-'));
  resources.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const databasePort = await startMariaDb(dir, resources);
  const site = await createNativeSite({
    dir,
    databasePort,
    port: await freePort(),
    muPlugins: { record: RECORD },
    config: "defined( 'DISABLE_WP_CRON' ) || define( 'DISABLE_WP_CRON', true );",
  });
  const wayPort = await freePort();
  await site.configure({
    ...{ SITE_ID: siteId, KID: kid, ISSUER: issuer, AUDIENCE: audience, HMAC_SECRET: hmacSecret },
    PRIVATE_KEY: await readFile(privateKeyFile, 'utf8'),
    INGRESS_URL: `http://127.0.0.1:${wayPort}/ingest`,
    ...{ INSECURE: 'true', ALLOW_PRIVATE_HOSTS: 'true' },
    ...(OUTAGE_MINUTES > 0 ? {} : { RETRY_BASE_MS: '200' }),
  });
  await stack.setCallbackUrl(siteId, `${site.url}/wp-json/pressferry/v1/results`);
  let php = await servePhp(site);
  resources.defer(() => kill(php));

  const tick = () =>
    fetch(`${site.url}/wp-cron.php?doing_wp_cron`).then(
      (response) => response.text(),
      () => '',
    );
  const counts = async (): Promise<Record<string, number>> =>
    JSON.parse(
      await site.php(
        `global $wpdb; echo json_encode( array_map( 'intval', array_column( $wpdb->get_results( "SELECT status, COUNT(*) n FROM {$wpdb->prefix}pressferry_outbox GROUP BY status", ARRAY_A ), 'n', 'status' ) ) ?: new stdClass() );`,
      ),
    ) as Record<string, number>;

  const rounds = Math.max(1, Math.round((OUTAGE_MINUTES * 60_000) / ROUND_MS));
  for (let round = 0, from = 0; round < rounds; round++) {
    const count = Math.ceil(EVENTS * ((round + 1) / rounds)) - from;
    assert.equal(await (await fetch(`${site.url}/?from=${from}&record=${count}`)).text(), 'recorded');
    from += count;
    await tick();
    if (OUTAGE_MINUTES > 0) await delay(ROUND_MS);
  }
  const down = await counts();
  assert.equal(down.sent ?? 0, 0);
  assert.equal(
    Object.values(down).reduce((sum, count) => sum + count, 0),
    EVENTS,
  );

  let connections = 0;
  const way = await passOn(wayPort, stack.file.ingressUrl, () => connections++);
  resources.defer(() => new Promise<void>((resolve) => void way.close(() => resolve())));
  // In the middle of sending every process of PHP dies.
  const begun = performance.now();
  await waitFor(
    async () => {
      if (connections < 40) void tick();
      return connections >= 40 || undefined;
    },
    { what: 'the sending to be in full swing', timeoutMs: 120_000 + BREAKER_MS, everyMs: 500 },
  );
  await kill(php);
  const killed = await counts();
  assert.ok((killed.sent ?? 0) < EVENTS, 'it died before it was done');
  php = await servePhp(site);
  await waitFor(
    async () => {
      await tick();
      return (await counts()).sent === EVENTS || undefined;
    },
    { what: 'all events to be sent', timeoutMs: 300_000 + BREAKER_MS, everyMs: 500 },
  );
  console.log(
    `all ${EVENTS} sent ${((performance.now() - begun) / 1000).toFixed(0)} s after the backend was back; ${connections} requests`,
  );

  const stored = await stack.db.selectFrom('events').select('object_ref').where('site_id', '=', siteId).execute();
  assert.equal(stored.length, EVENTS);
  assert.equal(new Set(stored.map(({ object_ref }) => object_ref)).size, EVENTS);
  const results = () =>
    site.php(`global $wpdb; echo $wpdb->get_var( "SELECT COUNT(*) FROM {$wpdb->prefix}pressferry_inbox" );`);
  await waitFor(async () => Number(await results()) === EVENTS || undefined, {
    what: 'the results of all events',
    timeoutMs: 180_000,
    everyMs: 1_000,
  });
});
