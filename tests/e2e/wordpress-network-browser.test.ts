import assert from 'node:assert/strict';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Stack } from '@pressferry/devstack';
import { freePort } from '@pressferry/embedded';
import { makeTokens } from '@pressferry/registry';
import { type Browser, chromium, type Page } from 'playwright-core';
import { startMariaDb } from '../../wordpress/lanes/mariadb.ts';
import { nativeLane } from '../../wordpress/lanes/native.ts';
import { serve } from '../../wordpress/lanes/native-servers.ts';
import { createNativeSite, type NativeSite } from '../../wordpress/lanes/native-site.ts';
import { startQuietStack } from './stack.ts';

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
/** With a folder in it, the screen is kept there as a picture. */
const IMAGES = process.env.PRESSFERRY_SCREENSHOTS;
const SCREEN = '/wp-admin/network/settings.php?page=pressferry-network';
const PATHS = ['/', '/ferries/', '/harbours/'];

const hasChromium = await access(CHROMIUM).then(
  () => true,
  () => false,
);
const missing = hasChromium ? await nativeLane.unavailable() : `there is no Chromium at ${CHROMIUM} (CHROMIUM_PATH)`;

/** Makes of a site a network in folders, with two more sites. */
async function becomeNetwork(site: NativeSite): Promise<void> {
  const domain = `127.0.0.1:${site.port}`;
  await site.php(`
    require_once ABSPATH . 'wp-admin/includes/upgrade.php';
    foreach ( $wpdb->tables( 'ms_global' ) as $name => $table ) { $wpdb->$name = $table; }
    install_network();
    populate_network( 1, '${domain}', 'admin@site.example', 'Ferries', '/', false );`);
  const file = join(site.root, 'wp-config.php');
  const config = await readFile(file, 'utf8');
  const network = `define( 'MULTISITE', true );
define( 'SUBDOMAIN_INSTALL', false );
define( 'DOMAIN_CURRENT_SITE', '${domain}' );
define( 'PATH_CURRENT_SITE', '/' );
define( 'SITE_ID_CURRENT_SITE', 1 );
define( 'BLOG_ID_CURRENT_SITE', 1 );
// A network is found by the name in the request.
'cli' === PHP_SAPI && $_SERVER['HTTP_HOST'] = DOMAIN_CURRENT_SITE;
$table_prefix`;
  // The two would be the address of every site.
  const alone = config.replace(/^define\( '(WP_HOME|WP_SITEURL)'.*$/gm, '');
  await writeFile(file, alone.replace(/^\$table_prefix/m, network));
  const add = (path: string) => `
    $id = wp_insert_site( array( 'domain' => 'site.example', 'path' => '${path}', 'title' => 'x', 'user_id' => 1 ) );
    // WordPress takes the port off the name of a new site.
    $wpdb->update( $wpdb->blogs, array( 'domain' => '${domain}' ), array( 'blog_id' => $id ) );
    clean_blog_cache( $id );
    foreach ( array( 'home', 'siteurl' ) as $name ) { update_blog_option( $id, $name, '${site.url}${path.replace(/\/$/, '')}' ); }`;
  await site.php(PATHS.slice(1).map(add).join('\n'));
}

describe('the sites of a network, connected in a browser', { skip: missing ?? false, timeout: 300_000 }, () => {
  const resources = new AsyncDisposableStack();
  let stack: Stack;
  let site: NativeSite;
  let browser: Browser;
  let page: Page;
  before(async () => {
    stack = await startQuietStack(resources);
    const dir = await mkdtemp(join(tmpdir(), 'pressferry-network-'));
    resources.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    const databasePort = await startMariaDb(dir, resources);
    site = await createNativeSite({ dir, databasePort, port: await freePort() });
    await site.configure({ INSECURE: 'true', ALLOW_PRIVATE_HOSTS: 'true' });
    await becomeNetwork(site);
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

  test('as many tokens as sites, pasted once, connect all of them, each under its own address and key', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000);
    const tokens = await makeTokens(stack.db, { count: PATHS.length, expiresAt, labels: {} });
    await page.goto(site.url + SCREEN);
    await page.fill('#pressferry-tokens', tokens.join('\n'));
    await page.fill('#pressferry-enrol-url', stack.file.callbackUrl);
    await page.click('[name="enrol_all"]');
    await page.waitForSelector('text=Sites that are still to be connected: 0. Tokens that are left: 0.', {
      timeout: 60_000,
    });
    assert.equal(await page.locator('#pressferry-network-outcomes li').count(), PATHS.length);
    const sites = await stack.db
      .selectFrom('sites')
      .innerJoin('site_keys', 'site_keys.site_id', 'sites.site_id')
      .select(['sites.issuer', 'site_keys.public_key'])
      .where('sites.issuer', 'like', `${site.url}%`)
      .execute();
    assert.deepEqual(
      sites.map(({ issuer }) => issuer).sort(),
      PATHS.map((path) => (site.url + path).replace(/\/$/, '')),
    );
    assert.equal(new Set(sites.map(({ public_key }) => public_key)).size, PATHS.length);
    await page.goto(site.url + SCREEN);
    assert.equal(await page.locator('table.wp-list-table tbody tr:has-text("connected")').count(), PATHS.length);
    if (IMAGES !== undefined) await page.screenshot({ path: join(IMAGES, 'plugin-network.png'), fullPage: false });
    assert.doesNotMatch(await page.content(), /PRIVATE KEY|pfe1_/);
  });
});
