<?php
/**
 * POST pressferry/v1/status: what this site knows about one event – states and times, no content.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Callback;

use Pressferry\Clock;
use Pressferry\Outbox\Outbox;
use WP_Error;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Status {

	/** @var Outbox */
	private $outbox;

	/** @var Inbox */
	private $inbox;

	/** @var Clock */
	private $clock;

	public function __construct( Outbox $outbox, Inbox $inbox, Clock $clock ) {
		$this->outbox = $outbox;
		$this->inbox  = $inbox;
		$this->clock  = $clock;
	}

	/**
	 * @param array<string, mixed> $body `idempotency_key` or `object_ref`; with neither, only the outbox's summary is answered.
	 * @return array<string, mixed>|WP_Error All times in milliseconds since 1970; 0 if it has not happened.
	 */
	public function report( array $body ) {
		$events  = array();
		$results = array();
		foreach ( array( 'idempotency_key', 'object_ref' ) as $column ) {
			if ( isset( $body[ $column ] ) && is_string( $body[ $column ] ) && '' !== $body[ $column ] ) {
				$events  = array_map( array( self::class, 'event' ), $this->outbox->find( $column, $body[ $column ] ) );
				$results = array_map( array( self::class, 'result' ), $this->inbox->find( $column, $body[ $column ] ) );
				break;
			}
		}
		return array(
			'plugin_version'    => PRESSFERRY_VERSION,
			'wordpress_version' => get_bloginfo( 'version' ),
			'now_ms'            => $this->clock->now_ms(),
			'outbox'            => $this->outbox(),
			'events'            => $events,
			'results'           => $results,
		);
	}

	/**
	 * How many events are in each state, and since when the oldest one waits.
	 *
	 * @return array<string, mixed>
	 */
	public function outbox(): array {
		return $this->outbox->summary();
	}

	/**
	 * @param array<string, mixed> $row
	 * @return array<string, mixed>
	 */
	private static function event( array $row ): array {
		return array(
			'idempotency_key'    => $row['idempotency_key'],
			'event_type'         => $row['event_type'],
			'object_ref'         => $row['object_ref'],
			'status'             => $row['status'],
			'request_id'         => $row['request_id'],
			'attempts'           => (int) $row['attempts'],
			'last_status'        => (int) $row['last_status'],
			'last_error'         => $row['last_error'],
			'occurred_at_ms'     => (int) $row['occurred_at'],
			'sent_at_ms'         => (int) $row['sent_at'],
			'finished_at_ms'     => (int) $row['finished_at'],
			'next_attempt_at_ms' => (int) $row['next_attempt_at'],
		);
	}

	/**
	 * @param array<string, mixed> $row
	 * @return array<string, mixed>
	 */
	private static function result( array $row ): array {
		return array(
			'result_id'       => $row['result_id'],
			'request_id'      => $row['request_id'],
			'idempotency_key' => $row['idempotency_key'],
			'event_type'      => $row['event_type'],
			'object_ref'      => $row['object_ref'],
			'automation'      => $row['automation'],
			'status'          => $row['status'],
			'completed_at_ms' => $row['completed_at'],
			'stored_at_ms'    => $row['stored_at'],
		);
	}
}
