<?php
/**
 * The outbox: every event, from the hook that saw it until the backend has accepted it.
 *
 * Status is pending → sending → sent | refused | dead; sending falls back to pending when its lease runs out.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;
use Pressferry\Events\Event;
use Pressferry\Uuid;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- tables of ours, never cached; their names cannot be prepared before 6.2, all values are.

class Outbox {

	// Longer than any one try can take (5 s, or 24 s where a peer drips to a transport without a total time-out).
	const LEASE_MS = 60000;

	/** @var Clock */
	private $clock;

	public function __construct( Clock $clock ) {
		$this->clock = $clock;
	}

	/**
	 * Adds an event with its frozen payload; a null payload (too large to send) is kept as refused.
	 *
	 * @return bool False when the same happening is there already.
	 */
	public function add( Event $event, ?string $payload ): bool {
		global $wpdb;
		Schema::ensure();
		$now    = $this->clock->now_ms();
		$dedupe = strlen( $event->dedupe_key ) > 191 ? hash( 'sha256', $event->dedupe_key ) : $event->dedupe_key;
		$sql    = $wpdb->prepare(
			'INSERT IGNORE INTO ' . Schema::outbox() . ' (idempotency_key, dedupe_key, event_type, object_ref, post_id, payload, status, occurred_at, next_attempt_at, finished_at, last_error) VALUES (%s, %s, %s, %s, %d, %s, %s, %d, %d, %d, %s)',
			Uuid::v4(),
			$dedupe,
			$event->type,
			mb_substr( $event->object_ref, 0, 255 ),
			$event->post_id,
			$payload ?? '{}',
			null === $payload ? 'refused' : 'pending',
			$now,
			$now,
			null === $payload ? $now : 0,
			null === $payload ? 'payload_too_large' : ''
		);
		return 1 === $this->run( $sql );
	}

	/**
	 * Takes up to $limit due rows for this process alone, for LEASE_MS; oldest first.
	 *
	 * @return array<int, array<string, mixed>> Rows, each with its claim_token.
	 */
	public function claim( int $limit ): array {
		global $wpdb;
		Schema::ensure();
		$now   = $this->clock->now_ms();
		$token = Uuid::v4();
		$taken = $this->run(
			$wpdb->prepare(
				'UPDATE ' . Schema::outbox() . " SET claim_token = %s, status = 'sending', claimed_until = %d WHERE (status = 'pending' AND next_attempt_at <= %d) OR (status = 'sending' AND claimed_until <= %d) ORDER BY next_attempt_at, id LIMIT %d",
				$token,
				$now + self::LEASE_MS,
				$now,
				$now,
				$limit
			)
		);
		if ( $taken < 1 ) {
			return array();
		}
		return $wpdb->get_results( $wpdb->prepare( 'SELECT * FROM ' . Schema::outbox() . ' WHERE claim_token = %s ORDER BY next_attempt_at, id', $token ), ARRAY_A );
	}

	/**
	 * Counts a try before it is made, so that a row which kills its process is not tried for ever; renews the lease.
	 *
	 * @param array<string, mixed> $row A claimed row.
	 * @return bool False when the claim was lost meanwhile: do not send.
	 */
	public function begin_try( array $row, int $sent_ms ): bool {
		global $wpdb;
		return 1 === $this->run(
			$wpdb->prepare(
				'UPDATE ' . Schema::outbox() . ' SET attempts = attempts + 1, sent_at = %d, claimed_until = %d WHERE id = %d AND claim_token = %s',
				$sent_ms,
				$this->clock->now_ms() + self::LEASE_MS,
				$row['id'],
				$row['claim_token']
			)
		);
	}

	/**
	 * Ends a claim with what became of the row; does nothing when the claim was lost meanwhile.
	 *
	 * @param array<string, mixed> $row A claimed row.
	 * @param array<string, mixed> $end status (sent, refused, dead or pending); optional next_attempt_at, request_id, last_status, last_error.
	 */
	public function finish( array $row, array $end ): bool {
		global $wpdb;
		return 1 === $this->run(
			$wpdb->prepare(
				'UPDATE ' . Schema::outbox() . " SET status = %s, next_attempt_at = %d, request_id = %s, last_status = %d, last_error = %s, finished_at = %d, claim_token = '', claimed_until = 0 WHERE id = %d AND claim_token = %s",
				$end['status'],
				$end['next_attempt_at'] ?? $row['next_attempt_at'],
				$end['request_id'] ?? $row['request_id'],
				$end['last_status'] ?? $row['last_status'],
				substr( (string) ( $end['last_error'] ?? $row['last_error'] ), 0, 64 ),
				'pending' === $end['status'] ? 0 : $this->clock->now_ms(),
				$row['id'],
				$row['claim_token']
			)
		);
	}

	/**
	 * Gives dead rows their tries again, and those refused for their credentials (401, 403): a rotated or mistyped key must
	 * not lose events. Rows are never deleted. Automatic callers pass a bound on how often.
	 *
	 * @return int How many rows are pending again.
	 */
	public function redrive( int $limit, int $max_redrives = 65535 ): int {
		global $wpdb;
		Schema::ensure();
		return $this->run(
			$wpdb->prepare(
				'UPDATE ' . Schema::outbox() . " SET status = 'pending', attempts = 0, redrives = redrives + 1, next_attempt_at = %d, finished_at = 0 WHERE (status = 'dead' OR (status = 'refused' AND last_status IN (401, 403))) AND redrives < %d ORDER BY id LIMIT %d",
				$this->clock->now_ms(),
				$max_redrives,
				$limit
			)
		);
	}

	/**
	 * Makes rows that wait for their next try due now; for somebody who knows that the backend is back.
	 *
	 * @return int How many.
	 */
	public function hasten( int $limit ): int {
		global $wpdb;
		Schema::ensure();
		$now = $this->clock->now_ms();
		return $this->run( $wpdb->prepare( 'UPDATE ' . Schema::outbox() . " SET next_attempt_at = %d WHERE status = 'pending' AND next_attempt_at > %d ORDER BY id LIMIT %d", $now, $now, $limit ) );
	}

	/**
	 * The rows of one idempotency key, or of one object (newest first, at most 50).
	 *
	 * @return array<int, array<string, mixed>>
	 */
	public function find( string $column, string $value ): array {
		global $wpdb;
		Schema::ensure();
		$column = in_array( $column, array( 'idempotency_key', 'object_ref', 'post_id' ), true ) ? $column : 'idempotency_key';
		return $wpdb->get_results( $wpdb->prepare( 'SELECT * FROM ' . Schema::outbox() . " WHERE {$column} = %s ORDER BY id DESC LIMIT 50", $value ), ARRAY_A );
	}

	/**
	 * How many rows are in each status, and the oldest unfinished row's time in milliseconds (0 for none).
	 *
	 * @return array{counts: array<string, int>, oldest_pending_at: int}
	 */
	public function summary(): array {
		global $wpdb;
		Schema::ensure();
		$counts = array_fill_keys( array( 'pending', 'sending', 'sent', 'refused', 'dead' ), 0 );
		foreach ( $wpdb->get_results( 'SELECT status, COUNT(*) AS n FROM ' . Schema::outbox() . ' GROUP BY status', ARRAY_A ) as $row ) {
			$counts[ $row['status'] ] = (int) $row['n'];
		}
		$oldest = $wpdb->get_var( 'SELECT MIN(occurred_at) FROM ' . Schema::outbox() . " WHERE status IN ('pending', 'sending')" );
		return array(
			'counts'            => $counts,
			'oldest_pending_at' => (int) $oldest,
		);
	}

	/**
	 * Runs one writing statement, once more after a deadlock; returns affected rows, 0 when it failed.
	 */
	private function run( string $sql ): int {
		global $wpdb;
		$affected = $wpdb->query( $sql );
		if ( false === $affected ) {
			$affected = $wpdb->query( $sql );
		}
		return (int) $affected;
	}
}
