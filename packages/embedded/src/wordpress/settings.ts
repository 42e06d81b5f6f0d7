import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SiteConfig } from './server.ts';

/** The embedded WordPress' login; made once per data directory. */
export interface Credentials {
  adminUser: string;
  adminPassword: string;
  /** For its REST API, with basic authentication. */
  applicationPassword: string;
}

export async function loadCredentials(dataDir: string): Promise<Credentials> {
  const path = join(dataDir, 'credentials.json');
  const stored = await readFile(path, 'utf8').catch(() => undefined);
  if (stored !== undefined) return JSON.parse(stored) as Credentials;
  const credentials = {
    adminUser: 'admin',
    adminPassword: randomBytes(12).toString('base64url'),
    applicationPassword: randomBytes(12).toString('hex'),
  };
  await writePrivately(path, JSON.stringify(credentials));
  return credentials;
}

/** Writes the must-use plugin that configures the site: on a command line, any user could read the secrets. */
export async function writeSettings(muPluginsDir: string, config: SiteConfig, credentials: Credentials): Promise<void> {
  await mkdir(muPluginsDir, { recursive: true });
  await writePrivately(join(muPluginsDir, 'embedded.php'), settingsPhp(config, credentials));
}

async function writePrivately(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

function settingsPhp(config: SiteConfig, credentials: Credentials): string {
  const constants: Record<string, string | undefined> = {
    PRESSFERRY_SITE_ID: config.siteId,
    PRESSFERRY_ISSUER: config.issuer,
    PRESSFERRY_AUDIENCE: config.audience,
    PRESSFERRY_KID: config.kid,
    PRESSFERRY_PRIVATE_KEY: config.privateKeyPem,
    PRESSFERRY_HMAC_SECRET: config.hmacSecret,
    PRESSFERRY_HMAC_SECRET_PREVIOUS: config.hmacSecretPrevious,
    PRESSFERRY_INGRESS_URL: config.ingressUrl,
    PRESSFERRY_RETRY_BASE_MS: config.retryBaseMs === undefined ? undefined : String(config.retryBaseMs),
    // The backend is on this machine, without TLS.
    PRESSFERRY_INSECURE: '1',
    PRESSFERRY_ALLOW_PRIVATE_HOSTS: '1',
    // A demo site must not wait for external hosts.
    WP_HTTP_BLOCK_EXTERNAL: '1',
    WP_ACCESSIBLE_HOSTS: '127.0.0.1,localhost',
    AUTOMATIC_UPDATER_DISABLED: '1',
    // The harness requests wp-cron.php each minute, as a host's crontab would.
    DISABLE_WP_CRON: '1',
  };
  const lines = Object.entries(constants)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => `defined(${php(name)}) || define(${php(name)}, ${php(value)});`);
  const stamp = createHash('sha256').update(JSON.stringify(credentials)).digest('hex');
  return `<?php
${lines.join('\n')}
if (!wp_installing()) {
  $active = (array) get_option('active_plugins', array());
  if (!in_array('pressferry/pressferry.php', $active, true)) {
    update_option('active_plugins', array_merge($active, array('pressferry/pressferry.php')));
  }
}
add_action('init', function () {
  if (wp_installing() || get_option('embedded_credentials') === ${php(stamp)}) return;
  $user = get_user_by('login', ${php(credentials.adminUser)});
  if (!$user) return;
  wp_set_password(${php(credentials.adminPassword)}, $user->ID);
  update_user_meta($user->ID, '_application_passwords', array(array(
    'uuid' => wp_generate_uuid4(), 'app_id' => '', 'name' => 'embedded', 'created' => time(),
    'password' => wp_hash_password(${php(credentials.applicationPassword)}), 'last_used' => null, 'last_ip' => null,
  )));
  update_network_option(get_main_network_id(), 'using_application_passwords', 1);
  update_option('embedded_credentials', ${php(stamp)});
}, 1);
`;
}

function php(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
