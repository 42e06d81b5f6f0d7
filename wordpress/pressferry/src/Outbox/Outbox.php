<?php
/**
 * The outbox: every event, from the hook that saw it until the backend has accepted it.
 *
 * Status is pending → sending → sent | refused | dead | held. Sending falls back to pending when its lease runs out. Dead (its tries
 * are used up) and held (the site, its key or the way is refused) are probed ever more rarely, forever; refused is final.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;
use Pressferry\Events\Event;
use Pressferry\State\BackendClock;
use Pressferry\State\State;
use Pressferry\Uuid;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- our tables, never cached; their names cannot be prepared before 6.2, all values are.

class Outbox {

	const ADDED     = 'added';
	const DUPLICATE = 'duplicate';
	const FAILED    = 'failed';

	const STATUSES = array( 'pending', 'sending', 'sent', 'refused', 'dead', 'held' );

	// Longer than any one try can take (5 s, or 24 s if a peer drips to a transport without a total time-out), and than the dispatcher's budget.
	const LEASE_MS = 30000;

	/** @var Clock */
	private $clock;

	public function __construct( Clock $clock ) {
		$this->clock = $clock;
	}

	/**
	 * The row of an event that happens now. A null payload (no JSON can be made of it) is kept as refused.
	 */
	public function entry( Event $event, ?string $payload ): Entry {
		return Entry::of( $event, $payload, $this->clock->now_ms() );
	}

	/**
	 * Adds a row in one statement.
	 *
	 * @return string ADDED; DUPLICATE when the same happening is there already; FAILED when the database did not take it.
	 */
	public function insert( Entry $entry ): string {
		global $wpdb;
		Schema::ensure();
		$ended = '' !== $entry->fault;
		// The offset is read by the same statement: recording costs one.
		$added = Statement::run(
			$wpdb->prepare(
				'INSERT IGNORE INTO ' . Schema::outbox() . " (idempotency_key, dedupe_key, event_type, object_ref, post_id, payload, status, occurred_at, clock_offset, next_attempt_at, finished_at, last_error) VALUES (%s, %s, %s, %s, %d, %s, %s, %d, (SELECT option_value FROM {$wpdb->options} WHERE option_name = %s), %d, %d, %s)",
				$entry->idempotency_key,
				$entry->dedupe_key,
				$entry->event_type,
				$entry->object_ref,
				$entry->post_id,
				$entry->payload,
				$ended ? 'refused' : 'pending',
				$entry->occurred_at,
				State::option( BackendClock::STATE ),
				$entry->due_at,
				$ended ? $entry->occurred_at : 0,
				$entry->fault
			)
		);
		if ( null === $added ) {
			$plain = $entry->in_ascii();
			return null === $plain ? self::FAILED : $this->insert( $plain );
		}
		return 1 === $added ? self::ADDED : self::DUPLICATE;
	}

	/**
	 * Takes up to $limit due rows for this process alone, for LEASE_MS: first those with tries left, then probes; oldest first.
	 *
	 * @return array<int, array<string, mixed>> Rows, each with its claim_token.
	 */
	public function claim( int $limit ): array {
		global $wpdb;
		Schema::ensure();
		$now   = $this->clock->now_ms();
		$token = Uuid::v4();
		// A lease that ran out, or that is further off than any can be: a clock wrote it which has been put right since.
		Statement::affect( $wpdb->prepare( 'UPDATE ' . Schema::outbox() . " SET status = 'pending', claim_token = '' WHERE status = 'sending' AND (claimed_until <= %d OR claimed_until > %d)", $now, $now + self::LEASE_MS ) );
		$take   = $wpdb->prepare( "claim_token = %s, status = 'sending', claimed_until = %d", $token, $now + self::LEASE_MS );
		$taken  = Statement::affect( $wpdb->prepare( 'UPDATE ' . Schema::outbox() . " SET {$take} WHERE status = 'pending' AND next_attempt_at <= %d ORDER BY next_attempt_at, id LIMIT %d", $now, $limit ) );
		$taken += $this->claim_probes( $take, $limit - $taken );
		if ( $taken < 1 ) {
			return array();
		}
		return $wpdb->get_results( $wpdb->prepare( 'SELECT * FROM ' . Schema::outbox() . ' WHERE claim_token = %s ORDER BY next_attempt_at, id', $token ), ARRAY_A );
	}

	/**
	 * Whether a row with tries left waits to be sent now.
	 */
	public function has_due(): bool {
		global $wpdb;
		return null !== $wpdb->get_var( $wpdb->prepare( 'SELECT 1 FROM ' . Schema::outbox() . " WHERE status = 'pending' AND next_attempt_at <= %d LIMIT 1", $this->clock->now_ms() ) );
	}

	public function is_sending(): bool {
		global $wpdb;
		return null !== $wpdb->get_var( 'SELECT 1 FROM ' . Schema::outbox() . " WHERE status = 'sending' LIMIT 1" );
	}

	/**
	 * Counts a try before it is made, so a row which kills its process is not tried forever; renews the lease.
	 *
	 * @param array<string, mixed> $row              A claimed row.
	 * @param int                  $sent_ms          By the backend's clock.
	 * @param int                  $wire_occurred_ms What this try says of when it happened.
	 * @param bool                 $counts           False for a try that is made again at once with other times.
	 * @return bool False when the claim was lost meanwhile: do not send.
	 */
	public function begin_try( array $row, int $sent_ms, int $wire_occurred_ms = 0, bool $counts = true ): bool {
		global $wpdb;
		return 1 === Statement::affect(
			$wpdb->prepare(
				'UPDATE ' . Schema::outbox() . ' SET attempts = attempts + %d, sent_at = %d, wire_occurred_at = %d, claimed_until = %d WHERE id = %d AND claim_token = %s',
				$counts ? 1 : 0,
				$sent_ms,
				$wire_occurred_ms,
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
	 * @param array<string, mixed> $end status; optional next_attempt_at, request_id, last_status, last_error.
	 */
	public function finish( array $row, array $end ): bool {
		global $wpdb;
		return 1 === Statement::affect(
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
	 * Notes that the backend has an event whose last try brought no acceptance.
	 */
	public function confirm( string $idempotency_key, string $request_id ): void {
		global $wpdb;
		Statement::affect(
			$wpdb->prepare(
				'UPDATE ' . Schema::outbox() . " SET status = 'sent', request_id = %s, finished_at = %d, claim_token = '', claimed_until = 0 WHERE idempotency_key = %s AND status <> 'sent'",
				$request_id,
				$this->clock->now_ms(),
				$idempotency_key
			)
		);
	}

	/**
	 * Gives dead and held rows their tries again, now; for someone who asks for it.
	 *
	 * @return int How many rows are pending again.
	 */
	public function redrive( int $limit ): int {
		global $wpdb;
		Schema::ensure();
		return Statement::affect(
			$wpdb->prepare(
				'UPDATE ' . Schema::outbox() . " SET status = 'pending', attempts = 0, redrives = 0, next_attempt_at = %d, finished_at = 0 WHERE status IN ('dead', 'held') ORDER BY id LIMIT %d",
				$this->clock->now_ms(),
				$limit
			)
		);
	}

	/**
	 * Makes everything that waits due now: the backend takes events again.
	 *
	 * @return int How many rows waited.
	 */
	public function hasten(): int {
		global $wpdb;
		Schema::ensure();
		$now = $this->clock->now_ms();
		return Statement::affect( $wpdb->prepare( 'UPDATE ' . Schema::outbox() . " SET next_attempt_at = %d WHERE status IN ('pending', 'dead', 'held') AND next_attempt_at > %d", $now, $now ) );
	}

	/**
	 * Gives up for good what waits and happened before a time.
	 *
	 * @return int How many rows.
	 */
	public function give_up_before( int $ms, string $why ): int {
		global $wpdb;
		Schema::ensure();
		return Statement::affect( $wpdb->prepare( 'UPDATE ' . Schema::outbox() . " SET status = 'refused', last_error = %s, finished_at = %d WHERE status IN ('pending', 'sending', 'dead', 'held') AND occurred_at < %d", $why, $this->clock->now_ms(), $ms ) );
	}

	public function delete( string $idempotency_key ): void {
		global $wpdb;
		Statement::affect( $wpdb->prepare( 'DELETE FROM ' . Schema::outbox() . ' WHERE idempotency_key = %s', $idempotency_key ) );
	}

	/**
	 * Makes due what waits for longer than any rule says: its time was written by a clock that has been corrected since.
	 *
	 * @param int $base_ms Of the retry windows.
	 */
	public function repair_times( int $base_ms = Backoff::BASE_MS ): void {
		global $wpdb;
		$now   = $this->clock->now_ms();
		$probe = Backoff::probe_window_ms( 99, $base_ms );
		$waits = array(
			'pending' => max( Backoff::MAX_RETRY_AFTER_MS, Backoff::window_ms( Backoff::MAX_TRIES, $base_ms ) ),
			'dead'    => $probe,
			'held'    => $probe,
		);
		foreach ( $waits as $status => $wait_ms ) {
			Statement::affect( $wpdb->prepare( 'UPDATE ' . Schema::outbox() . ' SET next_attempt_at = %d WHERE status = %s AND next_attempt_at > %d', $now, $status, $now + $wait_ms ) );
		}
	}

	/**
	 * The rows of one idempotency key, object or post (newest first, at most 50).
	 *
	 * @return array<int, array<string, mixed>>
	 * @throws \InvalidArgumentException For another column.
	 */
	public function find( string $column, string $value ): array {
		global $wpdb;
		Schema::ensure();
		if ( ! in_array( $column, array( 'idempotency_key', 'object_ref', 'post_id' ), true ) ) {
			throw new \InvalidArgumentException( 'Rows are found by idempotency_key, object_ref or post_id.' );
		}
		$rows = $wpdb->get_results( $wpdb->prepare( 'SELECT * FROM ' . Schema::outbox() . " WHERE {$column} = %s ORDER BY id DESC LIMIT 50", $value ), ARRAY_A );
		return is_array( $rows ) ? $rows : array();
	}

	/**
	 * How many rows are in each status, and the oldest unfinished row's time in milliseconds (0 for none).
	 *
	 * @return array{counts: array<string, int>, oldest_pending_at: int}
	 */
	public function summary(): array {
		global $wpdb;
		Schema::ensure();
		$counts = array_fill_keys( self::STATUSES, 0 );
		foreach ( (array) $wpdb->get_results( 'SELECT status, COUNT(*) AS n FROM ' . Schema::outbox() . ' GROUP BY status', ARRAY_A ) as $row ) {
			$counts[ $row['status'] ] = (int) $row['n'];
		}
		$oldest = $wpdb->get_var( 'SELECT MIN(occurred_at) FROM ' . Schema::outbox() . " WHERE status IN ('pending', 'sending')" );
		return array(
			'counts'            => $counts,
			'oldest_pending_at' => (int) $oldest,
		);
	}

	/**
	 * @param string $take The assignments that claim a row.
	 * @return int How many rows were claimed.
	 */
	private function claim_probes( string $take, int $limit ): int {
		global $wpdb;
		$taken = 0;
		foreach ( array( 'dead', 'held' ) as $status ) {
			if ( $limit > $taken ) {
				$taken += Statement::affect( $wpdb->prepare( 'UPDATE ' . Schema::outbox() . " SET {$take}, redrives = redrives + 1 WHERE status = %s AND next_attempt_at <= %d ORDER BY next_attempt_at, id LIMIT %d", $status, $this->clock->now_ms(), $limit - $taken ) );
			}
		}
		return $taken;
	}
}
