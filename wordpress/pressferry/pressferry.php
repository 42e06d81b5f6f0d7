<?php
/**
 * Plugin Name:       Pressferry
 * Description:       Carries events from this site to AI and CRM automations, and carries the results back. No vendor key ever lives in WordPress.
 * Version:           0.2.0
 * Requires at least: 6.1
 * Requires PHP:      7.4
 * Author:            The Pressferry authors
 * License:           GPL-2.0-or-later
 * License URI:       https://www.gnu.org/licenses/gpl-2.0.html
 * Text Domain:       pressferry
 * Domain Path:       /languages
 *
 * This file stays parsable by old PHP, so an unsupported server gets a notice and not a blank page.
 *
 * @package Pressferry
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

define( 'PRESSFERRY_VERSION', '0.2.0' );
define( 'PRESSFERRY_PLUGIN_FILE', __FILE__ );

if ( version_compare( PHP_VERSION, '7.4', '<' ) || version_compare( $GLOBALS['wp_version'], '6.1', '<' ) ) {
	add_action( 'admin_notices', 'pressferry_unsupported_notice' );
	return;
}

require_once __DIR__ . '/src/autoload.php';
require_once __DIR__ . '/src/functions.php';

call_user_func( array( 'Pressferry\Callback\OutputGuard', 'start' ) );
add_action( 'plugins_loaded', array( 'Pressferry\Plugin', 'boot' ), 5 );
register_deactivation_hook( __FILE__, array( 'Pressferry\Plugin', 'deactivate' ) );

/**
 * Tells an administrator why the plugin does nothing on this server.
 */
function pressferry_unsupported_notice() {
	echo '<div class="notice notice-error"><p>';
	echo esc_html__( 'Pressferry needs PHP 7.4 and WordPress 6.1 or newer. It is not running.', 'pressferry' );
	echo '</p></div>';
}
