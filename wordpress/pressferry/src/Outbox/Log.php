<?php
/**
 * The outbox as people look at it: searched, sent again, purged.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- our tables, never cached; their names cannot be prepared before 6.2, all values are.

final class Log {

	// Without the payload, which may be large and personal.
	const COLUMNS = 'id, idempotency_key, event_type, object_ref, post_id, status, attempts, redrives, occurred_at, next_attempt_at, sent_at, finished_at, request_id, last_status, last_error';

	// What the backend has is kept for a month, what it did not take for three.
	const KEEP_SENT_DAYS  = 30;
	const KEEP_OTHER_DAYS = 90;
	const PURGE_BATCH     = 1000;

	/** @var Clock */
	private $clock;

	public function __construct( Clock $clock ) {
		$this->clock = $clock;
	}

	/**
	 * Rows, newest first.
	 *
	 * @param array<string, mixed> $filter status, event_type, search (a key, a request id or an object), limit, offset.
	 * @return array<int, array<string, mixed>>
	 */
	public function find( array $filter ): array {
		global $wpdb;
		Schema::ensure();
		$rows = $wpdb->get_results( 'SELECT ' . self::COLUMNS . ' FROM ' . Schema::outbox() . self::where( $filter ) . $wpdb->prepare( ' ORDER BY id DESC LIMIT %d OFFSET %d', (int) ( $filter['limit'] ?? 50 ), (int) ( $filter['offset'] ?? 0 ) ), ARRAY_A );
		return is_array( $rows ) ? $rows : array();
	}

	/**
	 * @param array<string, mixed> $filter As for find.
	 */
	public function count( array $filter ): int {
		global $wpdb;
		Schema::ensure();
		return (int) $wpdb->get_var( 'SELECT COUNT(*) FROM ' . Schema::outbox() . self::where( $filter ) );
	}

	/**
	 * When the backend last took an event, in milliseconds since 1970; 0 if it took none that is kept.
	 */
	public function last_sent_at(): int {
		global $wpdb;
		return (int) $wpdb->get_var( 'SELECT MAX(finished_at) FROM ' . Schema::outbox() . " WHERE status = 'sent'" );
	}

	/**
	 * @return string[] The event types that are there.
	 */
	public function types(): array {
		global $wpdb;
		Schema::ensure();
		return (array) $wpdb->get_col( 'SELECT DISTINCT event_type FROM ' . Schema::outbox() . ' ORDER BY event_type' );
	}

	/**
	 * Makes rows due now, with all their tries: those that wait, that were given up or held, and that were refused for good, since
	 * the cause has been fixed. Not those that were sent.
	 *
	 * @param int[] $ids
	 * @return int How many.
	 */
	public function retry( array $ids ): int {
		if ( array() === $ids ) {
			return 0;
		}
		$places = implode( ', ', array_fill( 0, count( $ids ), '%d' ) );
		return $this->make_due( "id IN ({$places})", array_map( 'intval', $ids ) );
	}

	/**
	 * The same for all rows of a status.
	 */
	public function retry_all( string $status ): int {
		Schema::ensure();
		return $this->make_due( 'status = %s', array( $status ) );
	}

	/**
	 * @param string            $which  A condition with a place for each of the values.
	 * @param array<int|string> $values
	 */
	private function make_due( string $which, array $values ): int {
		global $wpdb;
		$all = array_merge( array( $this->clock->now_ms() ), $values );
		return Statement::affect( $wpdb->prepare( 'UPDATE ' . Schema::outbox() . " SET status = 'pending', attempts = 0, redrives = 0, next_attempt_at = %d, finished_at = 0 WHERE status IN ('pending', 'dead', 'held', 'refused') AND last_error NOT IN ('payload_too_large', 'payload_not_json', 'erased', 'of_the_original') AND {$which}", $all ) );
	}

	/**
	 * Deletes rows of a status that are older than so many days; pending and sending ones never.
	 *
	 * @param string[] $statuses
	 * @return int How many, at most PURGE_BATCH for each status.
	 */
	public function purge( array $statuses, int $days ): int {
		global $wpdb;
		Schema::ensure();
		$before  = $this->clock->now_ms() - $days * DAY_IN_SECONDS * 1000;
		$deleted = 0;
		foreach ( array_intersect( $statuses, array( 'sent', 'refused', 'dead', 'held' ) ) as $status ) {
			// A probe moves the end of a dead row: its beginning counts.
			$column   = 'sent' === $status ? 'finished_at' : 'occurred_at';
			$deleted += Statement::affect( $wpdb->prepare( 'DELETE FROM ' . Schema::outbox() . " WHERE status = %s AND {$column} < %d LIMIT %d", $status, $before, self::PURGE_BATCH ) );
		}
		return $deleted;
	}

	/**
	 * What the tick deletes, a batch at a time.
	 */
	public function retain(): int {
		/**
		 * For how many days events are kept.
		 *
		 * @since 0.2.0
		 *
		 * @param array $days sent, other; 0 keeps them forever.
		 */
		$days    = (array) apply_filters(
			'pressferry_retention_days',
			array(
				'sent'  => self::KEEP_SENT_DAYS,
				'other' => self::KEEP_OTHER_DAYS,
			)
		);
		$deleted = 0;
		foreach ( array( 'sent' => array( 'sent' ), 'other' => array( 'refused', 'dead', 'held' ) ) as $name => $statuses ) {
			if ( (int) ( $days[ $name ] ?? 0 ) > 0 ) {
				$deleted += $this->purge( $statuses, (int) $days[ $name ] );
			}
		}
		return $deleted;
	}

	/**
	 * @param array<string, mixed> $filter
	 */
	private static function where( array $filter ): string {
		global $wpdb;
		$conditions = array();
		foreach ( array( 'status', 'event_type' ) as $column ) {
			if ( ! empty( $filter[ $column ] ) ) {
				$conditions[] = $wpdb->prepare( "{$column} = %s", (string) $filter[ $column ] );
			}
		}
		if ( ! empty( $filter['search'] ) ) {
			$search       = (string) $filter['search'];
			$conditions[] = $wpdb->prepare( '(idempotency_key = %s OR request_id = %s OR object_ref = %s)', $search, $search, $search );
		}
		return array() === $conditions ? '' : ' WHERE ' . implode( ' AND ', $conditions );
	}
}
