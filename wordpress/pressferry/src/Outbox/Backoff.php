<?php
/**
 * When to try again: exponential windows with full jitter, so that a fleet does not come back in step.
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
}
