<?php
/**
 * POST pressferry/v1/results: takes one result and acknowledges it.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Callback;

use Pressferry\Clock;
use Pressferry\Uuid;
use WP_Error;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Results {

	/** @var Inbox */
	private $inbox;

	public function __construct( Inbox $inbox ) {
		$this->inbox = $inbox;
	}

	/**
	 * Stores a verified result once, fires `pressferry_result` once, and says which of the two it was.
	 *
	 * @param array<string, mixed> $body The push's body.
	 * @return array<string, string>|WP_Error
	 */
	public function receive( array $body ) {
		$result = self::parse( $body );
		if ( null === $result ) {
			return new WP_Error( 'pressferry_result_invalid', __( 'The result lacks a field.', 'pressferry' ), array( 'status' => 400 ) );
		}
		$stored    = $this->inbox->store( $result );
		$stored_at = $this->inbox->stored_at( $result['result_id'] );
		if ( 0 === $stored_at ) {
			// Not acknowledged, so the backend tries again.
			return new WP_Error( 'pressferry_not_stored', __( 'The result could not be stored.', 'pressferry' ), array( 'status' => 503 ) );
		}
		$this->fire( $result );
		return array(
			'status'    => $stored ? 'stored' : 'duplicate',
			'result_id' => $result['result_id'],
			'stored_at' => Clock::rfc3339( $stored_at ),
		);
	}

	/**
	 * @param array<string, mixed> $result
	 */
	private function fire( array $result ): void {
		// Taken apart from storing, so that a process that died between the two leaves it to the next delivery.
		if ( ! $this->inbox->take_handling( $result['result_id'] ) ) {
			return;
		}
		try {
			/**
			 * A result has arrived; fires once per result.
			 *
			 * @param array $result The stored fields.
			 */
			do_action( 'pressferry_result', $result );
		} catch ( \Throwable $error ) {
			// The result is stored; a listener's fault is no reason to be sent it again.
			do_action( 'pressferry_result_listener_failed', get_class( $error ) );
		}
	}

	/**
	 * @param array<string, mixed> $body
	 * @return array<string, mixed>|null
	 */
	private static function parse( array $body ): ?array {
		$result = array();
		foreach ( array( 'result_id', 'request_id', 'idempotency_key', 'event_type', 'object_ref', 'automation', 'status', 'completed_at' ) as $field ) {
			if ( ! isset( $body[ $field ] ) || ! is_string( $body[ $field ] ) ) {
				return null;
			}
			$result[ $field ] = $body[ $field ];
		}
		if ( ! Uuid::is( $result['result_id'] ) || ! in_array( $result['status'], array( 'succeeded', 'failed' ), true ) ) {
			return null;
		}
		$result['output'] = isset( $body['output'] ) && is_array( $body['output'] ) ? $body['output'] : array();
		$result['error']  = isset( $body['error'] ) && is_array( $body['error'] ) ? $body['error'] : null;
		return $result;
	}
}
