import assert from 'node:assert/strict';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Stack } from '@pressferry/devstack';
import { freePort } from '@pressferry/embedded';
import { makeTokens, readHeartbeat } from '@pressferry/registry';
import { waitFor } from '@pressferry/testing';
import { type Browser, chromium, type Page } from 'playwright-core';
import { startMariaDb } from '../../wordpress/lanes/mariadb.ts';
import { nativeLane } from '../../wordpress/lanes/native.ts';
import { serve } from '../../wordpress/lanes/native-servers.ts';
import { createNativeSite, type NativeSite } from '../../wordpress/lanes/native-site.ts';
import { startQuietStack } from './stack.ts';

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
/** With a folder in it, the screens are kept there as pictures. */
const IMAGES = process.env.PRESSFERRY_SCREENSHOTS;
const SCREEN = '/wp-admin/options-general.php?page=pressferry';
const TWO_MINUTES_MS = 120_000;

const hasChromium = await access(CHROMIUM).then(
  () => true,
  () => false,
);
const missing = hasChromium ? await nativeLane.unavailable() : `there is no Chromium at ${CHROMIUM} (CHROMIUM_PATH)`;

describe('a fresh WordPress, set up in a browser', { skip: missing ?? false, timeout: 300_000 }, () => {
  const resources = new AsyncDisposableStack();
  let stack: Stack;
  let site: NativeSite;
  let browser: Browser;
  let page: Page;
  before(async () => {
    stack = await startQuietStack(resources);
    const dir = await mkdtemp(join(tmpdir(), 'pressferry-browser-'));
    resources.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    const databasePort = await startMariaDb(dir, resources);
    site = await createNativeSite({ dir, databasePort, port: await freePort() });
    // The backend of this test has no TLS, and is on this machine.
    await site.configure({ INSECURE: 'true', ALLOW_PRIVATE_HOSTS: 'true' });
    await serve('php -S', site, { dir, workers: 6, stack: resources });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
    resources.defer(() => browser.close());
    page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
    await page.goto(`${site.url}/wp-login.php`);
    await page.fill('#user_login', 'admin');
    await page.fill('#user_pass', 'test-password');
    await page.click('#wp-submit');
    await page.waitForURL(/wp-admin/);
  });
  after(() => resources.disposeAsync());

  const picture = async (name: string): Promise<void> => {
    if (IMAGES !== undefined) await page.screenshot({ path: join(IMAGES, `plugin-${name}.png`), fullPage: false });
  };
  const invitation = async (siteId?: string): Promise<string> => {
    const expiresAt = new Date(Date.now() + 3_600_000);
    const [token] = await makeTokens(stack.db, { count: 1, expiresAt, labels: {}, siteId });
    return `${token}@${stack.file.callbackUrl}`;
  };
  const siteId = async (): Promise<string> => {
    const query = stack.db.selectFrom('sites').select('site_id').where('issuer', '=', site.url);
    return (await query.executeTakeFirstOrThrow()).site_id;
  };
  const isDone = (step: string) =>
    page.waitForSelector(`li[data-step="${step}"][data-state="done"]`, { timeout: 60_000 });

  test('a wrong token is told with its remedy, and nothing is stored', async () => {
    await page.goto(site.url + SCREEN);
    await page.fill('#pressferry-invitation', `pfe1_${'x'.repeat(43)}@${stack.file.callbackUrl}`);
    await page.click('#enrol');
    await page.waitForSelector('text=The token is not known or has expired');
    await page.fill('#pressferry-invitation', `pfe1_${'x'.repeat(43)}@${stack.file.ingressUrl}`);
    await page.click('#enrol');
    await page.waitForSelector('text=it is not the backend: check the URL');
    await page.waitForSelector('#pressferry-invitation');
  });

  test('one pasted text connects the site, and the whole way of the test event is shown, in under two minutes', async () => {
    const begun = performance.now();
    await page.goto(site.url + SCREEN);
    await picture('connect');
    await page.fill('#pressferry-invitation', await invitation());
    await page.click('#enrol');
    await page.waitForSelector('text=The site is connected.');
    await isDone('received');
    const tookMs = performance.now() - begun;
    console.log(`connected, and the result of the test event received, in ${(tookMs / 1000).toFixed(1)} s`);
    assert.ok(tookMs < TWO_MINUTES_MS);
    for (const step of ['sent', 'accepted', 'processed']) await isDone(step);
    await page.waitForSelector('text=The backend pushed the result to this site');
    await picture('connected');
    const html = await page.content();
    assert.doesNotMatch(html, /PRIVATE KEY/);
    const { secret } = JSON.parse(
      await site.php(`echo json_encode( array( 'secret' => ( new Pressferry\\Config() )->get( 'HMAC_SECRET' ) ) );`),
    ) as { secret: string };
    assert.ok(secret.length >= 32 && !html.includes(secret));
  });

  test('the log shows the test event as sent, and the status page finds nothing broken', async () => {
    await page.goto(`${site.url}${SCREEN}&tab=log`);
    const row = await page.textContent('table.wp-list-table tbody tr');
    assert.match(row ?? '', /pressferry\.test/);
    assert.match(row ?? '', /sent/);
    await picture('log');
    await page.goto(`${site.url}${SCREEN}&tab=status`);
    assert.doesNotMatch((await page.textContent('table.widefat')) ?? '', /broken/);
    await picture('status');
  });

  test('a post published in the block editor shows its results there without a reload', async () => {
    await page.goto(`${site.url}/wp-admin/post-new.php`);
    await page.waitForFunction('window.wp?.data?.select("core/editor")?.getCurrentPostId()');
    await page.evaluate(`
      wp.data.dispatch( 'core/edit-post' ).isFeatureActive;
      wp.data.select( 'core/edit-post' ).isFeatureActive( 'welcomeGuide' ) && wp.data.dispatch( 'core/edit-post' ).toggleFeature( 'welcomeGuide' );
      wp.data.dispatch( 'core/editor' ).editPost( { title: 'The ferry to Hiiumaa', content: '<p>It takes an hour and a quarter.</p>', status: 'publish' } );
      wp.data.dispatch( 'core/editor' ).savePost();`);
    await page.waitForSelector('#pressferry-results-content >> text=summarize-post', {
      timeout: 90_000,
      state: 'attached',
    });
    assert.ok(await page.evaluate('document.querySelectorAll("#pressferry-results-content bdi").length > 0'));
    await page.evaluate('document.querySelector("#pressferry-results-content").scrollIntoView()');
    await picture('results');
  });

  test('on a telephone 320 pixels wide no screen has to be moved sideways', async () => {
    await page.setViewportSize({ width: 320, height: 640 });
    for (const tab of ['status', 'connect', 'settings', 'fields', 'log']) {
      await page.goto(`${site.url}${SCREEN}&tab=${tab}`);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      assert.equal(width, 320, tab);
    }
    await page.setViewportSize({ width: 1200, height: 900 });
  });

  test('key and secret are replaced by a button; events and results go on', async () => {
    const id = await siteId();
    const kids = () =>
      stack.db.selectFrom('site_keys').select(['kid', 'expires_at']).where('site_id', '=', id).execute();
    const [before] = await kids();
    await page.goto(`${site.url}${SCREEN}&tab=connect`);
    await page.click('#rotate');
    await page.waitForSelector('text=The site has a new key and a new secret');
    const after = await kids();
    assert.equal(after.length, 2);
    assert.ok(after.find(({ kid }) => kid === before?.kid)?.expires_at);
    await page.click('#test');
    await page.waitForSelector('text=A test event is on its way');
    await isDone('received');
  });

  test('the site reports itself, and a copy of it is quarantined on both sides with its two ways out', async () => {
    const id = await siteId();
    const reported = await waitFor(() => readHeartbeat(stack.db, id), {
      what: 'a heartbeat',
      timeoutMs: 90_000,
      everyMs: 500,
    });
    assert.equal(reported.homeUrl, site.url);
    // The database as it would be after a copy to another address.
    await site.php(`( new Pressferry\\Config() )->store( 'ENROLLED_HOME', 'https://original.example' );`);
    await stack.db.updateTable('sites').set({ issuer: 'https://original.example' }).where('site_id', '=', id).execute();
    await page.goto(`${site.url}/wp-admin/`);
    await page.waitForSelector('text=it sends nothing until you say whether it moved or is a copy');
    await page.click('text=Decide');
    await page.waitForSelector('text=This is the same site, moved');
    await picture('copy');
    await page.click('#copy');
    await page.waitForSelector('text=The keys of the original are forgotten');
    await page.waitForSelector('#pressferry-invitation');
  });
});
