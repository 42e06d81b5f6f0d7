<?php
/**
 * The server's log, for faults that its owner must find.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class ServerLog {

	/**
	 * Writes a line, if the host left PHP the function: without it a fault of an event would become one of the visitor's request.
	 */
	public static function write( string $line ): void {
		if ( function_exists( 'error_log' ) ) {
			error_log( $line ); // phpcs:ignore WordPress.PHP.DevelopmentFunctions.error_log_error_log -- it is what the class is for.
		}
	}
}
