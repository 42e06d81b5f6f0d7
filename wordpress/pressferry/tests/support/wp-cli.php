<?php
/**
 * What `wp --url=<blog> pressferry …` starts: WordPress boots as the blog of PRESSFERRY_TEST_PATH, and a command that the plugin added is run.
 */
define( 'WP_CLI', true );

final class WP_CLI {
	public static $commands = array();

	public static function add_command( $name, $command ) {
		self::$commands[ $name ] = $command;
	}
	public static function line( $text ) {
		echo $text, "\n";
	}
	public static function warning( $text ) {
		fwrite( STDERR, $text . "\n" );
	}
	public static function success( $text ) {
		echo 'Success: ', $text, "\n";
	}
	public static function error( $text ) {
		fwrite( STDERR, $text . "\n" );
		exit( 1 );
	}
	public static function halt( $code ) {
		exit( $code );
	}
}

require __DIR__ . '/shim.php';
require dirname( __DIR__ ) . '/bootstrap.php';

list( , $command, $method ) = $argv;
// No request of this process leaves it.
( new Pressferry\Tests\FakeIngress() )->install();
call_user_func( array( WP_CLI::$commands[ $command ], $method ), array_slice( $argv, 3 ), array( 'format' => 'json' ) );
