<?php
/**
 * The sites of a network: each has its own settings, tables and ticker, and one's request may do things on another.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Network {

	/**
	 * Works on a site and comes back; does nothing if the site has been deleted meanwhile.
	 *
	 * @param int              $blog Its number; outside a network the present one.
	 * @param callable(): void $work
	 */
	public static function on( int $blog, callable $work ): void {
		if ( ! is_multisite() ) {
			$work();
			return;
		}
		if ( null === get_site( $blog ) ) {
			return;
		}
		switch_to_blog( $blog );
		try {
			$work();
		} finally {
			restore_current_blog();
		}
	}

	/**
	 * Whether the present site has this plugin. One that it was only switched to may not, and then nothing would ever send its events.
	 */
	public static function has_plugin(): bool {
		if ( ! is_multisite() || ! ms_is_switched() ) {
			return true;
		}
		$plugin = plugin_basename( PRESSFERRY_PLUGIN_FILE );
		$shared = (array) get_site_option( 'active_sitewide_plugins', array() );
		if ( isset( $shared[ $plugin ] ) || in_array( $plugin, (array) get_option( 'active_plugins', array() ), true ) ) {
			return true;
		}
		// In no list of the request's own site either: a must-use plugin, which all sites have.
		return ! in_array( $plugin, (array) get_blog_option( $GLOBALS['_wp_switched_stack'][0], 'active_plugins', array() ), true );
	}

	/**
	 * Whether the present site is the first one of the first network, for which wp-config.php speaks.
	 */
	public static function is_main_site(): bool {
		return ! is_multisite() || get_current_blog_id() === get_main_site_id( get_main_network_id() );
	}
}
