<?php
/**
 * The inbox: every result the backend gave back, stored once.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Callback;

use Pressferry\Clock;
use Pressferry\Outbox\Schema;
use Pressferry\Outbox\Statement;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- our tables, never cached; their names cannot be prepared before 6.2, all values are.

class Inbox {

	/** @var Clock */
	private $clock;

	public function __construct( Clock $clock ) {
		$this->clock = $clock;
	}

	/**
	 * Stores a result unless it is there already.
	 *
	 * @param array<string, mixed> $result  As Result::parse returned it.
	 * @param int                  $post_id The post of the event that it answers; 0 for none.
	 * @return bool Whether this call stored it.
	 */
	public function store( array $result, int $post_id ): bool {
		global $wpdb;
		Schema::ensure();
		$added = Statement::run(
			$wpdb->prepare(
				'INSERT IGNORE INTO ' . Schema::inbox() . ' (result_id, request_id, idempotency_key, event_type, object_ref, post_id, automation, status, output, error, completed_at, stored_at) VALUES (%s, %s, %s, %s, %s, %d, %s, %s, %s, %s, %d, %d)',
				$result['result_id'],
				$result['request_id'],
				$result['idempotency_key'],
				$result['event_type'],
				$result['object_ref'],
				$post_id,
				$result['automation'],
				$result['status'],
				// ASCII: an emoji in an old utf8mb3 table would lose the row.
				wp_json_encode( $result['output'], JSON_UNESCAPED_SLASHES ),
				wp_json_encode( $result['error'], JSON_UNESCAPED_SLASHES ),
				Clock::parse_ms( $result['completed_at'] ) ?? 0,
				$this->clock->now_ms()
			)
		);
		return 1 === $added;
	}

	/**
	 * Whether the caller is the one who must fire the action for this result: true exactly once.
	 */
	public function take_handling( string $result_id ): bool {
		global $wpdb;
		return 1 === $wpdb->query( $wpdb->prepare( 'UPDATE ' . Schema::inbox() . ' SET handled_at = %d WHERE result_id = %s AND handled_at = 0', $this->clock->now_ms(), $result_id ) );
	}

	/**
	 * When a result was stored, in milliseconds; 0 when it is not there.
	 */
	public function stored_at( string $result_id ): int {
		global $wpdb;
		return (int) $wpdb->get_var( $wpdb->prepare( 'SELECT stored_at FROM ' . Schema::inbox() . ' WHERE result_id = %s', $result_id ) );
	}

	/**
	 * The results of a post, newest first, at most 50.
	 *
	 * @return array<int, array<string, mixed>>
	 */
	public function for_post( int $post_id, int $limit = 50 ): array {
		return $this->find( 'post_id', (string) $post_id, $limit );
	}

	/**
	 * The results with this idempotency key, object or post, newest first, at most 50.
	 *
	 * @throws \InvalidArgumentException For another column.
	 * @return array<int, array<string, mixed>>
	 */
	public function find( string $column, string $value, int $limit = 50 ): array {
		global $wpdb;
		Schema::ensure();
		if ( ! in_array( $column, array( 'idempotency_key', 'object_ref', 'post_id' ), true ) ) {
			throw new \InvalidArgumentException( 'Rows are found by idempotency_key, object_ref or post_id.' );
		}
		$rows = $wpdb->get_results( $wpdb->prepare( 'SELECT * FROM ' . Schema::inbox() . " WHERE {$column} = %s ORDER BY id DESC LIMIT %d", $value, min( 50, $limit ) ), ARRAY_A );
		return array_map( array( self::class, 'present' ), is_array( $rows ) ? $rows : array() );
	}

	/**
	 * @param string[] $keys Idempotency keys of events.
	 * @return array<string, int> How many results each of them has, if any.
	 */
	public function counts( array $keys ): array {
		global $wpdb;
		if ( array() === $keys ) {
			return array();
		}
		Schema::ensure();
		$places = implode( ', ', array_fill( 0, count( $keys ), '%s' ) );
		$rows   = $wpdb->get_results( $wpdb->prepare( 'SELECT idempotency_key, COUNT(*) AS n FROM ' . Schema::inbox() . " WHERE idempotency_key IN ({$places}) GROUP BY idempotency_key", $keys ), ARRAY_A );
		return array_map( 'intval', array_column( (array) $rows, 'n', 'idempotency_key' ) );
	}

	/**
	 * @param array<string, mixed> $row
	 * @return array<string, mixed>
	 */
	private static function present( array $row ): array {
		return array(
			'result_id'       => $row['result_id'],
			'request_id'      => $row['request_id'],
			'idempotency_key' => $row['idempotency_key'],
			'event_type'      => $row['event_type'],
			'object_ref'      => $row['object_ref'],
			'post_id'         => (int) $row['post_id'],
			'automation'      => $row['automation'],
			'status'          => $row['status'],
			'output'          => json_decode( $row['output'], true ),
			'error'           => json_decode( $row['error'], true ),
			'completed_at'    => (int) $row['completed_at'],
			'stored_at'       => (int) $row['stored_at'],
		);
	}
}
