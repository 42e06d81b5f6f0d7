<?php
/**
 * Events that wait for a while for a newer state of their object: it takes the place of what waits, so a series of changes is one event.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\State\BackendClock;
use Pressferry\State\State;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- our tables, never cached; their names cannot be prepared before 6.2, all values are.

final class Settling {

	// A row of which no byte has left: a key that was sent once belongs to its bytes.
	const UNSENT = "status = 'pending' AND attempts = 0 AND sent_at = 0";

	/**
	 * Writes a newer state into the row that waits for it. The row keeps its key and the time when it is due.
	 *
	 * @return bool False if none waits, or if it was taken meanwhile: the entry needs a row of its own.
	 */
	public static function take( Entry $entry ): bool {
		global $wpdb;
		if ( '' !== $entry->fault ) {
			return false;
		}
		// Two, because another process may write into the same row.
		for ( $tries = 0; $tries < 2; $tries++ ) {
			$row = self::waiting( $entry );
			if ( null === $row ) {
				return false;
			}
			$sql = $wpdb->prepare(
				'UPDATE ' . Schema::outbox() . " SET payload = %s, dedupe_key = %s, occurred_at = %d, clock_offset = (SELECT option_value FROM {$wpdb->options} WHERE option_name = %s) WHERE id = %d AND dedupe_key = %s AND " . self::UNSENT,
				self::merged( (string) $row['payload'], $entry->payload ),
				$entry->dedupe_key,
				$entry->occurred_at,
				State::option( BackendClock::STATE ),
				$row['id'],
				$row['dedupe_key']
			);
			if ( $row['dedupe_key'] === $entry->dedupe_key || 1 === Statement::affect( $sql ) ) {
				return true;
			}
		}
		return false;
	}

	/**
	 * Takes back what waits of an object that has gone, or that not everyone can read any more.
	 */
	public static function withdraw( string $event_type, string $object_ref ): void {
		global $wpdb;
		Statement::affect( $wpdb->prepare( 'DELETE FROM ' . Schema::outbox() . ' WHERE object_ref = %s AND event_type = %s AND ' . self::UNSENT, $object_ref, $event_type ) );
	}

	/**
	 * @return array<string, mixed>|null
	 */
	private static function waiting( Entry $entry ): ?array {
		global $wpdb;
		Schema::ensure();
		$before = $wpdb->suppress_errors( true );
		$row    = $wpdb->get_row( $wpdb->prepare( 'SELECT id, dedupe_key, payload FROM ' . Schema::outbox() . ' WHERE object_ref = %s AND event_type = %s AND ' . self::UNSENT . ' AND next_attempt_at > %d ORDER BY id DESC LIMIT 1', $entry->object_ref, $entry->event_type, $entry->occurred_at ), ARRAY_A );
		$wpdb->suppress_errors( $before );
		return is_array( $row ) ? $row : null;
	}

	/**
	 * The newer payload, with what both say has changed.
	 */
	private static function merged( string $older, string $newer ): string {
		$former  = json_decode( $older );
		$present = json_decode( $newer );
		if ( ! isset( $former->changed, $present->changed ) || ! is_array( $former->changed ) || ! is_array( $present->changed ) ) {
			return $newer;
		}
		$present->changed = array_values( array_unique( array_merge( $former->changed, $present->changed ), SORT_REGULAR ) );
		return (string) wp_json_encode( $present, JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION );
	}
}
