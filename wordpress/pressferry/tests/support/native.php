<?php
/**
 * WordPress from a folder that belongs to the system, configured by nothing of that system.
 */

define( 'ABSPATH', rtrim( getenv( 'PRESSFERRY_TEST_WORDPRESS' ), '/' ) . '/' );
define( 'WP_CONTENT_DIR', getenv( 'PRESSFERRY_TEST_CONTENT' ) );
define( 'DB_NAME', 'wordpress' );
define( 'DB_USER', 'root' );
define( 'DB_PASSWORD', '' );
define( 'DB_HOST', getenv( 'PRESSFERRY_TEST_DB' ) );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );
$network    = (bool) getenv( 'PRESSFERRY_TEST_NETWORK' );
$installing = (bool) getenv( 'PRESSFERRY_TEST_INSTALL' );
if ( ! $network || $installing ) {
	define( 'WP_HOME', 'http://site.example' );
	define( 'WP_SITEURL', 'http://site.example' );
} else {
	define( 'MULTISITE', true );
	define( 'SUBDOMAIN_INSTALL', false );
	define( 'DOMAIN_CURRENT_SITE', 'site.example' );
	define( 'PATH_CURRENT_SITE', '/' );
	define( 'SITE_ID_CURRENT_SITE', 1 );
	define( 'BLOG_ID_CURRENT_SITE', 1 );
}
define( 'WP_DEBUG', false );
// A fault must look like one, not like a page.
define( 'WP_DISABLE_FATAL_ERROR_HANDLER', true );
define( 'DISABLE_WP_CRON', true );
define( 'WP_DEFAULT_THEME', 'none' );
foreach ( array( 'AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT' ) as $salt ) {
	define( $salt, 'test ' . $salt );
}
$table_prefix            = 'wp_';
$GLOBALS['table_prefix'] = 'wp_';
if ( $installing ) {
	define( 'WP_INSTALLING', true );
}

// Through a must-use plugin's hook, so the plugin loads where plugins load. In a network WordPress itself loads it.
$GLOBALS['wp_filter']['muplugins_loaded'][10]['pressferry'] = array(
	'function'      => static function () use ( $network ) {
		if ( ! $network ) {
			require_once dirname( __DIR__, 2 ) . '/pressferry.php';
		}
		// Contact Form 7 itself, if its folder is given.
		if ( getenv( 'PRESSFERRY_TEST_CF7' ) && ! getenv( 'PRESSFERRY_TEST_INSTALL' ) ) {
			require_once getenv( 'PRESSFERRY_TEST_CF7' ) . '/wp-contact-form-7.php';
		}
	},
	'accepted_args' => 0,
);
// PHPUnit includes the bootstrap inside a function; WordPress expects to be loaded globally.
global $wpdb, $wp, $wp_query, $wp_the_query, $wp_rewrite, $wp_version, $wp_db_version, $tinymce_version, $required_php_version, $required_mysql_version, $wp_locale, $wp_roles, $wp_local_package, $blog_id, $wp_plugin_paths, $shortcode_tags, $wp_post_types, $wp_taxonomies, $allowedposttags, $allowedtags, $l10n, $pagenow, $timestart, $current_site, $current_blog, $domain, $path, $site_id, $public;
require ABSPATH . 'wp-settings.php';

if ( $installing ) {
	// Core leaves this function to the plugin that defines it first; no mail from a test.
	function wp_new_blog_notification() {}
	require_once ABSPATH . 'wp-admin/includes/upgrade.php';
	$installed = wp_install( 'Test', 'admin', 'admin@site.example', true, '', 'test-password' );
	if ( $network ) {
		foreach ( $wpdb->tables( 'ms_global' ) as $name => $table ) {
			$wpdb->$name = $table;
		}
		add_filter(
			'populate_network_meta',
			static function ( $meta ) {
				return array( 'active_sitewide_plugins' => array( 'pressferry/pressferry.php' => time() ) ) + $meta;
			}
		);
		install_network();
		populate_network( 1, 'site.example', 'admin@site.example', 'Test', '/', false );
	}
	exit( isset( $installed['user_id'] ) ? 0 : 1 );
}
