import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pluginDir, run } from './lane.ts';

const WORDPRESS = '/usr/share/wordpress';

/** A WordPress of the system's, in its own folder, on its own database. */
export interface NativeSite {
  root: string;
  url: string;
  port: number;
  /** Runs PHP code in this WordPress; resolves to what it printed. */
  php(code: string): Promise<string>;
  /** Sets constants of the plugin, without the prefix; `plugin: false` switches it off. */
  configure(settings: Record<string, string>, options?: { plugin?: boolean }): Promise<void>;
}

export interface NativeSiteOptions {
  dir: string;
  databasePort: number;
  port: number;
  /** Further must-use plugins: name and PHP code. */
  muPlugins?: Record<string, string>;
  /** Lines of wp-config.php. */
  config?: string;
}

const SALTS = ['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'].flatMap((name) => [`${name}_KEY`, `${name}_SALT`]);

const php = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** Copies WordPress, links the plugin into it, and installs the site on a database that it makes. */
export async function createNativeSite(options: NativeSiteOptions): Promise<NativeSite> {
  const { dir, databasePort, port } = options;
  const root = join(dir, 'www');
  const url = `http://127.0.0.1:${port}`;
  await cp(WORDPRESS, root, { recursive: true, dereference: true });
  const content = join(root, 'wp-content');
  for (const name of ['mu-plugins', 'uploads', 'themes/bare']) await mkdir(join(content, name), { recursive: true });
  await symlink(pluginDir, join(content, 'plugins/pressferry'));
  await writeFile(join(content, 'themes/bare/style.css'), '/* Theme Name: Bare */\n');
  await writeFile(
    join(content, 'themes/bare/index.php'),
    "<?php wp_head(); while ( have_posts() ) { the_post(); the_title( '<h1>', '</h1>' ); the_content(); } wp_footer();\n",
  );
  const constants = {
    DB_NAME: 'wordpress',
    DB_USER: 'root',
    DB_PASSWORD: '',
    DB_HOST: `127.0.0.1:${databasePort}`,
    DB_CHARSET: 'utf8mb4',
    DB_COLLATE: '',
    WP_HOME: url,
    WP_SITEURL: url,
    WP_DEFAULT_THEME: 'bare',
    ...Object.fromEntries(SALTS.map((name) => [name, `salt of ${name}`])),
  };
  const defines = Object.entries(constants).map(([name, value]) => `define( ${php(name)}, ${php(value)} );`);
  await writeFile(
    join(root, 'wp-config.php'),
    `<?php\n${defines.join('\n')}
define( 'AUTOMATIC_UPDATER_DISABLED', true );
define( 'WP_ENVIRONMENT_TYPE', 'local' );
${options.config ?? ''}
$table_prefix = 'wp_';
defined( 'ABSPATH' ) || define( 'ABSPATH', __DIR__ . '/' );
require_once ABSPATH . 'wp-settings.php';
`,
  );
  await writeMuPlugins(content, options.muPlugins ?? {});
  const site: NativeSite = {
    root,
    url,
    port,
    // Without spawning WP-Cron, which would do the work that is looked at.
    php: (code) =>
      runPhp(root, `define( 'DISABLE_WP_CRON', true );\nrequire ${php(join(root, 'wp-load.php'))};\n${code}`),
    configure: (settings, { plugin = true } = {}) =>
      writeFile(
        join(content, 'settings.php'),
        `<?php return array( 'plugin' => ${plugin}, 'constants' => array( ${Object.entries(settings)
          .map(([name, value]) => `'PRESSFERRY_${name}' => ${php(value)}`)
          .join(', ')} ) );\n`,
      ),
  };
  await site.configure({});
  await install(root, databasePort);
  return site;
}

async function writeMuPlugins(content: string, others: Record<string, string>): Promise<void> {
  const own = `
$settings = include WP_CONTENT_DIR . '/settings.php';
foreach ( $settings['constants'] as $name => $value ) {
	defined( $name ) || define( $name, $value );
}
add_filter( 'pre_option_active_plugins', function () use ( $settings ) {
	return $settings['plugin'] ? array( 'pressferry/pressferry.php' ) : array();
} );
// No mail, no flood control, and no request to the outer world.
function wp_mail() { return true; }
add_filter( 'comment_flood_filter', '__return_false', 99 );
add_filter( 'pre_http_request', function ( $pre, $args, $url ) {
	return 0 === strpos( $url, 'http://127.0.0.1:' ) ? $pre : new WP_Error( 'http_request_failed', 'not from a test' );
}, 10, 3 );
`;
  for (const [name, code] of Object.entries({ '00-settings': own, ...others }))
    await writeFile(join(content, 'mu-plugins', `${name}.php`), `<?php\n${code}`);
}

async function install(root: string, databasePort: number): Promise<void> {
  const create = `$db = new mysqli( '127.0.0.1', 'root', '', '', ${databasePort} );
    $db->query( 'CREATE DATABASE IF NOT EXISTS wordpress CHARACTER SET utf8mb4' ) || exit( 1 );`;
  await runPhp(root, create);
  await runPhp(
    root,
    `define( 'WP_INSTALLING', true );
    require ${php(join(root, 'wp-load.php'))};
    function wp_new_blog_notification() {}
    require_once ABSPATH . 'wp-admin/includes/upgrade.php';
    wp_install( 'Test', 'admin', 'admin@site.example', true, '', 'test-password' );
    update_option( 'permalink_structure', '/%postname%/' );
    update_option( 'comment_previously_approved', '0' );
    switch_theme( 'bare' );`,
  );
}

async function runPhp(cwd: string, code: string): Promise<string> {
  const script = `$_SERVER['HTTP_HOST'] = '127.0.0.1'; $_SERVER['REQUEST_URI'] = '/'; ${code}`;
  const { code: exit, output } = await run('php', ['-d', 'display_errors=stderr', '-r', script], {
    cwd,
    env: process.env,
    quiet: true,
  });
  if (exit !== 0) throw new Error(`PHP failed: ${output.slice(-2000)}`);
  return output;
}
