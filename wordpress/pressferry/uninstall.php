<?php
/**
 * Deletes the tables and settings of every site where the screen or PRESSFERRY_DELETE_DATA asks for it: unsent events are worth keeping.
 *
 * @package Pressferry
 */

if ( ! defined( 'WP_UNINSTALL_PLUGIN' ) ) {
	exit;
}

/**
 * Removes what the plugin stored on the present site.
 */
function pressferry_uninstall_site() {
	wp_clear_scheduled_hook( 'pressferry_tick' );
	$pressferry_asked = ( defined( 'PRESSFERRY_DELETE_DATA' ) && PRESSFERRY_DELETE_DATA ) || '1' === get_option( 'pressferry_delete_data' );
	if ( ! $pressferry_asked ) {
		return;
	}
	require_once __DIR__ . '/src/Outbox/Schema.php';
	\Pressferry\Outbox\Schema::drop();
	require_once __DIR__ . '/src/Outbox/SpoolFile.php';
	( new \Pressferry\Outbox\SpoolFile() )->remove();
	global $wpdb;
	foreach ( array( 'pressferry_', '_pressferry_', '_transient_pressferry_', '_transient_timeout_pressferry_' ) as $pressferry_prefix ) {
		// phpcs:ignore WordPress.DB -- all our options, whatever version wrote them.
		$pressferry_names = $wpdb->get_col( $wpdb->prepare( "SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE %s", $wpdb->esc_like( $pressferry_prefix ) . '%' ) );
		// One by one: a cache that outlives this request would hand keys and secrets to a plugin that is installed again.
		array_map( 'delete_option', $pressferry_names );
	}
}

if ( is_multisite() ) {
	foreach ( get_sites(
		array(
			'number' => 0,
			'fields' => 'ids',
		)
	) as $pressferry_site ) {
		switch_to_blog( $pressferry_site );
		pressferry_uninstall_site();
		restore_current_blog();
	}
	foreach ( array( 'ingress_url', 'results_url' ) as $pressferry_name ) {
		delete_site_option( 'pressferry_' . $pressferry_name );
	}
} else {
	pressferry_uninstall_site();
}
