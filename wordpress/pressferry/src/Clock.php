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
	 * The milliseconds of an HTTP date (RFC 9110, 5.6.7), or null when it is none. Not by strtotime, which looks for the day of the week:
	 * a leap second on a Saturday becomes the Saturday after.
	 */
	public static function parse_http_date( string $text ): ?int {
		$months = 'JanFebMarAprMayJunJulAugSepOctNovDec';
		if ( 1 !== preg_match( '/^[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/', trim( $text ), $found ) ) {
			return null;
		}
		$month = strpos( $months, $found[2] );
		if ( false === $month || 0 !== $month % 3 ) {
			return null;
		}
		$seconds = gmmktime( (int) $found[4], (int) $found[5], (int) $found[6], intdiv( $month, 3 ) + 1, (int) $found[1], (int) $found[3] );
		return false === $seconds ? null : $seconds * 1000;
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
