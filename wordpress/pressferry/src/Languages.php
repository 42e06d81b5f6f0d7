<?php
/**
 * The translations that come with the plugin; one that WordPress has fetched from translate.wordpress.org goes before.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Languages {

	/**
	 * Loads them in the admin area only: no visitor's page shows a text of the plugin.
	 */
	public static function register(): void {
		if ( is_admin() || ( defined( 'WP_CLI' ) && WP_CLI ) || wp_doing_cron() ) {
			add_action(
				'init',
				static function (): void {
					self::load( determine_locale() );
				},
				0
			);
		}
	}

	/**
	 * @return bool Whether this locale has a translation here, and it is in force now.
	 */
	public static function load( string $locale ): bool {
		$file = dirname( PRESSFERRY_PLUGIN_FILE ) . '/languages/pressferry-' . sanitize_file_name( $locale ) . '.mo';
		if ( is_readable( WP_LANG_DIR . '/plugins/pressferry-' . sanitize_file_name( $locale ) . '.mo' ) || ! is_readable( $file ) ) {
			return false;
		}
		return load_textdomain( 'pressferry', $file );
	}
}
