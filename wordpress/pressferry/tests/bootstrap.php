<?php
/**
 * Loads a real WordPress with the plugin, for every lane.
 *
 * Native: WordPress' files from PRESSFERRY_TEST_WORDPRESS, MariaDB from PRESSFERRY_TEST_DB (host:port), set by wordpress/run-tests.ts.
 * Playground: WordPress and its SQLite database are at /wordpress.
 */

$_SERVER['HTTP_HOST']       = 'site.example';
$_SERVER['SERVER_NAME']     = 'site.example';
$_SERVER['REQUEST_URI']     = getenv( 'PRESSFERRY_TEST_PATH' ) ?: '/';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['REMOTE_ADDR']     = '127.0.0.1';

if ( false !== getenv( 'PRESSFERRY_TEST_WORDPRESS' ) ) {
	require __DIR__ . '/support/native.php';
} else {
	// WordPress 6.5 is older than PHP 8.5; the plugin is not.
	error_reporting( E_ALL & ~E_DEPRECATED );
	set_error_handler(
		static function ( $level, $text, $file, $line ) {
			if ( 0 === strpos( $file, dirname( __DIR__ ) . '/src/' ) ) {
				throw new ErrorException( $text, 0, $level, $file, $line );
			}
			return false;
		},
		E_DEPRECATED
	);
	require '/wordpress/wp-load.php';
	require_once dirname( __DIR__ ) . '/pressferry.php';
	// plugins_loaded is over.
	Pressferry\Plugin::boot();
}
error_reporting( E_ALL & ~E_DEPRECATED );

foreach ( array( 'FakeClock', 'FakeConfig', 'FakeIngress', 'StrictIngress', 'PluginTestCase', 'ScenarioCase' ) as $support ) {
	require_once __DIR__ . '/support/' . $support . '.php';
}

// No mail from a test, and nothing in the log that a test provokes.
add_filter( 'pre_wp_mail', '__return_true' );
ini_set( 'error_log', '/dev/null' );
// Except a fatal error, which would end the suite without a word.
register_shutdown_function(
	static function () {
		$last = error_get_last();
		if ( null !== $last && in_array( $last['type'], array( E_ERROR, E_PARSE, E_CORE_ERROR, E_COMPILE_ERROR ), true ) ) {
			file_put_contents( 'php://stderr', "{$last['message']} at {$last['file']}:{$last['line']}\n" );
		}
	}
);

if ( is_multisite() ) {
	require_once __DIR__ . '/network/NetworkCase.php';
}
