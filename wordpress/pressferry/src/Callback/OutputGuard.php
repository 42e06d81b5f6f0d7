<?php
/**
 * Keeps what others print out of our signed answers: a byte order mark of wp-config.php, a blank line of a theme, a warning of PHP.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Callback;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class OutputGuard {

	/** @var int How many buffers are not to be discarded: PHPUnit's own. */
	public static $floor = 0;

	/**
	 * Buffers from now on, if this is a request for a route of the plugin. To be called as early as the plugin is loaded.
	 */
	public static function start(): void {
		// phpcs:ignore WordPress.Security.ValidatedSanitizedInput -- only looked at for a word.
		$uri = isset( $_SERVER['REQUEST_URI'] ) && is_string( $_SERVER['REQUEST_URI'] ) ? rawurldecode( wp_unslash( $_SERVER['REQUEST_URI'] ) ) : '';
		if ( false !== strpos( $uri, SignedRoutes::REST_NAMESPACE . '/' ) ) {
			ob_start();
		}
	}

	/**
	 * Sends exactly these bytes as the body, and nothing that anybody prints afterwards.
	 *
	 * @param string $signature Of the bytes. It is in its own line if the headers, and with them X-Signature, could not be sent.
	 */
	public static function send( string $bytes, string $signature ): void {
		self::discard();
		// phpcs:disable WordPress.Security.EscapeOutput -- JSON, served as application/json.
		if ( headers_sent() ) {
			echo "\n" . $bytes . "\nX-Signature: " . $signature . "\n";
		} else {
			if ( ! ini_get( 'zlib.output_compression' ) ) {
				header( 'Content-Length: ' . strlen( $bytes ) );
			}
			echo $bytes;
		}
		// phpcs:enable
		self::swallow();
	}

	/**
	 * Discards what has been buffered, no matter who began it.
	 */
	private static function discard(): void {
		// A buffer that may not be removed ends the loop.
		for ( $level = ob_get_level(); $level > self::$floor; $level-- ) {
			if ( ! @ob_end_clean() ) { // phpcs:ignore WordPress.PHP.NoSilencedErrors -- it says so itself, into our answer.
				return;
			}
		}
	}

	private static function swallow(): void {
		ob_start(
			static function (): string {
				return '';
			}
		);
	}
}
