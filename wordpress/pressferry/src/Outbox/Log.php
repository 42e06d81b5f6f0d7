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
	 * @param int|null $now_ms   By which clock; this server's unless given.
	 * @return int How many, at most PURGE_BATCH for each status.
	 */
	public function purge( array $statuses, int $days, ?int $now_ms = null ): int {
		Schema::ensure();
		$deleted = 0;
		foreach ( array_intersect( $statuses, array( 'sent', 'refused', 'dead', 'held' ) ) as $status ) {
			$deleted += Statement::affect( 'DELETE FROM ' . Schema::outbox() . self::older_than( $status, $days, $now_ms ?? $this->clock->now_ms() ) . ' LIMIT ' . self::PURGE_BATCH );
		}
		return $deleted;
	}

	/**
	 * Deletes what has been kept long enough, a batch at a time.
	 *
	 * @param int|null $now_ms By which clock; this server's unless given.
	 */
	public function retain( ?int $now_ms = null ): int {
		$deleted = 0;
		foreach ( self::kept_for() as $days => $statuses ) {
			$deleted += $this->purge( $statuses, $days, $now_ms );
		}
		return $deleted;
	}

	/**
	 * Whether anything has been kept long enough by this server's clock.
	 */
	public function has_expired(): bool {
		global $wpdb;
		Schema::ensure();
		foreach ( self::kept_for() as $days => $statuses ) {
			foreach ( $statuses as $status ) {
				if ( null !== $wpdb->get_var( 'SELECT 1 FROM ' . Schema::outbox() . self::older_than( $status, $days, $this->clock->now_ms() ) . ' LIMIT 1' ) ) {
					return true;
				}
			}
		}
		return false;
	}

	/**
	 * By number of days, the statuses of rows that are kept for so long.
	 *
	 * @return array<int, string[]>
	 */
	private static function kept_for(): array {
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
		$kept    = array();
		$periods = array(
			'sent'  => array( 'sent' ),
			'other' => array( 'refused', 'dead', 'held' ),
		);
		foreach ( $periods as $name => $statuses ) {
			$for = (int) ( $days[ $name ] ?? 0 );
			if ( $for > 0 ) {
				$kept[ $for ] = array_merge( $kept[ $for ] ?? array(), $statuses );
			}
		}
		return $kept;
	}

	private static function older_than( string $status, int $days, int $now_ms ): string {
		// A probe moves the end of a dead row: its beginning counts.
		$column = 'sent' === $status ? 'finished_at' : 'occurred_at';
		return $GLOBALS['wpdb']->prepare( " WHERE status = %s AND {$column} <= %d", $status, $now_ms - $days * DAY_IN_SECONDS * 1000 );
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
