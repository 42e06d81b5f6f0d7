<?php
/**
 * One result as the backend pushes it, checked member by member; members that a newer backend adds are left alone.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Callback;

use Pressferry\Clock;
use Pressferry\Uuid;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Result {

	// The most characters of each text: what the tables hold, so nothing is cut without a word.
	const TEXTS = array(
		'event_type'   => 100,
		'object_ref'   => 255,
		'automation'   => 191,
		'status'       => 12,
		'completed_at' => 40,
	);

	const IDS = array( 'result_id', 'request_id', 'idempotency_key' );

	/**
	 * The result's members; `output` an array, `error` an array or null.
	 *
	 * @param array<string, mixed> $body
	 * @return array<string, mixed>|string The name of the member that is missing or wrong.
	 */
	public static function parse( array $body ) {
		$result = array();
		foreach ( self::IDS as $name ) {
			if ( ! isset( $body[ $name ] ) || ! is_string( $body[ $name ] ) || ! Uuid::is( $body[ $name ] ) ) {
				return $name;
			}
			$result[ $name ] = $body[ $name ];
		}
		foreach ( self::TEXTS as $name => $max ) {
			if ( ! isset( $body[ $name ] ) || ! is_string( $body[ $name ] ) || '' === $body[ $name ] || mb_strlen( $body[ $name ] ) > $max ) {
				return $name;
			}
			$result[ $name ] = $body[ $name ];
		}
		if ( ! in_array( $result['status'], array( 'succeeded', 'failed' ), true ) ) {
			return 'status';
		}
		if ( null === Clock::parse_ms( $result['completed_at'] ) ) {
			return 'completed_at';
		}
		$result['output'] = $body['output'] ?? array();
		$result['error']  = $body['error'] ?? null;
		if ( ! is_array( $result['output'] ) ) {
			return 'output';
		}
		return null === $result['error'] || is_array( $result['error'] ) ? $result : 'error';
	}
}
