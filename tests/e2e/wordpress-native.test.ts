import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '@pressferry/embedded';
import { waitFor } from '@pressferry/testing';
import { type FakeIngress, startFakeIngress } from '../../wordpress/bench/fake-ingress.ts';
import { settingsFor } from '../../wordpress/bench/settings.ts';
import { leaveComment, openPage } from '../../wordpress/bench/visitor.ts';
import { startMariaDb } from '../../wordpress/lanes/mariadb.ts';
import { nativeLane } from '../../wordpress/lanes/native.ts';
import { findServer, type ServerKind, serve } from '../../wordpress/lanes/native-servers.ts';
import { createNativeSite, type NativeSite } from '../../wordpress/lanes/native-site.ts';

const WORKERS = 6;

for (const kind of ['php-fpm', 'php -S'] satisfies ServerKind[]) {
  const missing = (await nativeLane.unavailable()) ?? (await findServer(kind));
  describe(`the plugin on ${kind}`, { skip: missing ?? false, timeout: 240_000 }, () => {
    const resources = new AsyncDisposableStack();
    let site: NativeSite;
    let ingress: FakeIngress;
    before(async () => {
      ingress = resources.use(await startFakeIngress());
      const dir = await mkdtemp(join(tmpdir(), 'pressferry-native-'));
      resources.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
      const databasePort = await startMariaDb(dir, resources);
      site = await createNativeSite({
        dir,
        databasePort,
        port: await freePort(),
        // Nothing but the request itself may send.
        config: "defined( 'DISABLE_WP_CRON' ) || define( 'DISABLE_WP_CRON', true );",
      });
      await site.configure(await settingsFor(ingress.url));
      await serve(kind, site, { dir, workers: WORKERS, stack: resources });
    });
    after(() => resources.disposeAsync());

    const outbox = async () =>
      JSON.parse(
        await site.php(
          'global $wpdb; echo json_encode( $wpdb->get_results( "SELECT * FROM {$wpdb->prefix}pressferry_outbox", ARRAY_A ) );',
        ),
      ) as Record<string, string>[];

    test("a comment's event is sent without WP-Cron, and without the commenter waiting for it", async () => {
      await leaveComment(site.url);
      const rows = await waitFor(
        async () => {
          const found = await outbox();
          return found.length === 1 && found[0]?.status === 'sent' ? found : undefined;
        },
        { what: 'the event to be sent', everyMs: 200 },
      );
      assert.deepEqual(ingress.taken, [rows[0]?.idempotency_key]);
    });

    test('a backend that hangs holds one process, and neither those who comment nor those who read wait for it', async () => {
      ingress.behaviour = 'hanging';
      const [comments, pages] = await Promise.all([
        Promise.all(Array.from({ length: 12 }, () => leaveComment(site.url))),
        (async () => {
          const opened = [];
          for (let i = 0; i < 10; i++) opened.push(await openPage(site.url));
          return opened;
        })(),
      ]);
      ingress.behaviour = 'healthy';
      // One dispatcher waits for 5 s; a process that waited behind it would wait as long.
      for (const { ttfbMs } of [...comments, ...pages]) assert.ok(ttfbMs < 4_000, `${ttfbMs} ms`);
      assert.ok(ingress.requests <= 3, `${ingress.requests} requests`);
    });

    test('whatever is printed next to it, the acknowledgement of a result can be verified', async () => {
      const [event] = await outbox();
      assert.ok(event);
      const prints: Record<string, string> = {
        'a blank line of a must-use plugin, before the plugin is loaded': '<?php\necho "\\n";',
        'a byte order mark in front of a file': '\ufeff<?php',
        'a warning of PHP while WordPress starts':
          "<?php\nini_set( 'display_errors', '1' ); add_action( 'init', function () { trigger_error( 'a warning', E_USER_WARNING ); } );",
        'a comment of a cache after the answer':
          "<?php\nadd_action( 'shutdown', function () { echo '<!-- cached -->'; }, 0 );",
        'a listener that prints': "<?php\nadd_action( 'pressferry_result', function () { echo 'stored!'; } );",
        nothing: '<?php',
      };
      for (const [what, code] of Object.entries(prints)) {
        await writeFile(join(site.root, 'wp-content/mu-plugins/print.php'), code);
        const result = push(event);
        const response = await fetch(`${site.url}/wp-json/pressferry/v1/results`, result);
        const signed = signedPart(response, await response.text());
        assert.equal(signed.signature, sign(signed.body), `${what}: ${JSON.stringify(signed)}`);
        assert.equal(JSON.parse(signed.body).status, 'stored', what);
      }
    });
  });
}

const SECRET = 'correct horse battery staple';
const sign = (body: string): string => `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;

function push(event: Record<string, string>): RequestInit {
  const { idempotency_key, object_ref, event_type } = event;
  const now = new Date().toISOString();
  const body = JSON.stringify({
    result_id: randomUUID(),
    request_id: randomUUID(),
    ...{ idempotency_key, object_ref, event_type },
    automation: 'summarize-post',
    status: 'succeeded',
    output: { summary: 'It sails.' },
    completed_at: now,
    sent_at: now,
  });
  return { method: 'POST', headers: { 'content-type': 'application/json', 'x-signature': sign(body) }, body };
}

/** The signed bytes and their signature, at the places that docs/protocol.md names. */
function signedPart(response: Response, text: string): { body: string; signature: string | undefined } {
  const signature = response.headers.get('x-signature');
  if (signature !== null) return { body: text, signature };
  const [last, before] = text.trimEnd().split('\n').reverse();
  return { body: before ?? '', signature: last?.replace('X-Signature: ', '') };
}
