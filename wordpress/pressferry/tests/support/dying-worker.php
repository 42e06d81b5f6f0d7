<?php
/**
 * Publishes a post in a process whose end another plugin cuts short: `exit` or `throw` at the hook, `…_at_once` before anybody else.
 */
require __DIR__ . '/shim.php';
require dirname( __DIR__ ) . '/bootstrap.php';

$how = $argv[1];
add_action(
	'shutdown',
	static function () use ( $how ): void {
		if ( 0 === strpos( $how, 'exit' ) ) {
			exit;
		}
		throw new Error( 'somebody else' );
	},
	false === strpos( $how, 'at_once' ) ? 10 : PHP_INT_MIN
);
echo wp_insert_post( array( 'post_title' => 'Fog', 'post_name' => wp_generate_uuid4(), 'post_content' => 'x', 'post_status' => 'publish' ) ) > 0 ? 'published' : 'not published';
