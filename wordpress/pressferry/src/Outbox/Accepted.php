<?php
/**
 * The rows that the backend took and that are not yet marked as sent: one statement marks several. If the process dies before it, their
 * leases run out and they are sent again under the same keys, which changes nothing.
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

final class Accepted {

	// How long a row waits for its mark while others are sent.
	const MAX_WAIT_MS = 2000;

	/** @var Clock */
	private $clock;

	/** @var array<int, array{0: array<string, mixed>, 1: string}> Claimed rows of one claim, each with its request id. */
	private $rows = array();

	/** @var int When the first of them was taken. */
	private $since = 0;

	public function __construct( Clock $clock ) {
		$this->clock = $clock;
	}

	/**
	 * Notes a row that the backend took.
	 *
	 * @param array<string, mixed> $row A claimed row.
	 */
	public function add( array $row, string $request_id ): void {
		if ( array() === $this->rows ) {
			$this->since = $this->clock->now_ms();
		}
		$this->rows[] = array( $row, $request_id );
	}

	/**
	 * Marks them if the first one has waited for long.
	 */
	public function mark_if_late(): void {
		if ( abs( $this->clock->now_ms() - $this->since ) >= self::MAX_WAIT_MS ) {
			$this->mark();
		}
	}

	/**
	 * Marks them as sent, as far as their claims still hold.
	 */
	public function mark(): void {
		global $wpdb;
		if ( array() === $this->rows ) {
			return;
		}
		$cases = '';
		$ids   = array();
		foreach ( $this->rows as list( $row, $request_id ) ) {
			$cases .= $wpdb->prepare( ' WHEN %d THEN %s', $row['id'], $request_id );
			$ids[]  = (int) $row['id'];
		}
		$token      = $this->rows[0][0]['claim_token'];
		$this->rows = array();
		Statement::affect( $wpdb->prepare( 'UPDATE ' . Schema::outbox() . " SET status = 'sent', request_id = CASE id{$cases} ELSE request_id END, last_status = 202, last_error = '', finished_at = %d, claim_token = '', claimed_until = 0 WHERE claim_token = %s AND id IN (" . implode( ', ', $ids ) . ')', $this->clock->now_ms(), $token ) );
	}
}
