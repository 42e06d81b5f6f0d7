<?php
/**
 * When an event happened, as one try says it: by the backend's clock, within what the backend takes.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Contract\Wire;
use Pressferry\State\BackendClock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class WireTime {

	// The answer is judged a little later than it is written.
	const MARGIN_MS = 600000;

	/**
	 * The time for a try. What an earlier try said is kept as long as the backend can take it, for under one key it refuses two
	 * different events. Beyond 72 h the event is stamped with the time of sending.
	 *
	 * @param array<string, mixed> $row       An outbox row.
	 * @param int|null             $offset_ms What the backend's clock is ahead of this server's; null when no one knows.
	 * @param int                  $sent_ms   When the try is made, by the backend's clock.
	 */
	public static function of( array $row, ?int $offset_ms, int $sent_ms ): int {
		$said = (int) ( $row['wire_occurred_at'] ?? 0 );
		if ( $said > 0 && self::is_taken( $said, $sent_ms ) ) {
			return $said;
		}
		$true = self::true_ms( $row, $offset_ms );
		return self::is_taken( $true, $sent_ms ) ? min( $true, $sent_ms ) : $sent_ms;
	}

	/**
	 * When it happened by the backend's clock, however long ago.
	 *
	 * @param array<string, mixed> $row An outbox row.
	 */
	public static function true_ms( array $row, ?int $offset_ms ): int {
		// The offset of its own time: the clock may have been put right since. One recorded before any was known goes by the first.
		return (int) $row['occurred_at'] + ( BackendClock::valid( $row['clock_offset'] ?? null ) ?? $offset_ms ?? 0 );
	}

	private static function is_taken( int $occurred_ms, int $sent_ms ): bool {
		return $occurred_ms >= $sent_ms - Wire::MAX_EVENT_AGE_MS + self::MARGIN_MS && $occurred_ms <= $sent_ms + intdiv( Wire::MAX_DRIFT_MS, 2 );
	}
}
