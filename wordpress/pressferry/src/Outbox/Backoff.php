<?php
/**
 * When to try again: exponential windows with full jitter, so a fleet does not come back in step.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Backoff {

	const MAX_TRIES          = 4;
	const BASE_MS            = 30000;
	const FACTOR             = 4;
	const MAX_RETRY_AFTER_MS = 3600000;

	// After the last try, and for what waits for a person: from half an hour (60 times the base) to six hours.
	const PROBE_FACTOR     = 60;
	const MAX_PROBE_FACTOR = 720;

	/**
	 * The longest wait after try number $tries (1, 2, 3), in milliseconds: 30 s, 2 min, 8 min by default.
	 */
	public static function window_ms( int $tries, int $base_ms = self::BASE_MS ): int {
		return $base_ms * ( self::FACTOR ** max( 0, $tries - 1 ) );
	}

	/**
	 * A wait in milliseconds, anywhere from 0 to the window; never before the server's Retry-After (at most an hour).
	 */
	public static function wait_ms( int $tries, int $retry_after_ms, int $base_ms = self::BASE_MS ): int {
		return max( random_int( 0, self::window_ms( $tries, $base_ms ) ), min( $retry_after_ms, self::MAX_RETRY_AFTER_MS ) );
	}

	/**
	 * The longest wait before probe number $probes (1, 2, …) of a row whose tries are used up: each twice the one before.
	 */
	public static function probe_window_ms( int $probes, int $base_ms = self::BASE_MS ): int {
		return $base_ms * min( self::MAX_PROBE_FACTOR, self::PROBE_FACTOR * ( 2 ** min( max( 0, $probes - 1 ), 20 ) ) );
	}

	/**
	 * A wait in milliseconds, up to a fifth shorter than the given one.
	 */
	public static function spread( int $wait_ms ): int {
		return random_int( (int) ( $wait_ms * 0.8 ), max( 1, $wait_ms ) );
	}
}
