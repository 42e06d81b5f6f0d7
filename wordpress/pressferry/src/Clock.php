<?php
/**
 * The plugin's only source of time; tests put another in its place.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class Clock {

	/**
	 * Milliseconds since 1970, UTC.
	 */
	public function now_ms(): int {
		return (int) floor( microtime( true ) * 1000 );
	}

	/**
	 * RFC 3339 in UTC with milliseconds, as the wire wants it.
	 */
	public static function rfc3339( int $ms ): string {
		return gmdate( 'Y-m-d\TH:i:s', intdiv( $ms, 1000 ) ) . sprintf( '.%03dZ', $ms % 1000 );
	}

	/**
	 * The milliseconds of an RFC 3339 UTC time, or null when it is none.
	 */
	public static function parse_ms( string $text ): ?int {
		if ( 1 !== preg_match( '/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)$/', $text, $found ) ) {
			return null;
		}
		$seconds = strtotime( $found[1] . 'Z' );
		if ( false === $seconds ) {
			return null;
		}
		return $seconds * 1000 + (int) substr( str_pad( $found[2] ?? '', 3, '0' ), 0, 3 );
	}
}
