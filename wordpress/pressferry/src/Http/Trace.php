<?php
/**
 * W3C trace context: an event's trace can be looked up by the idempotency key that the log shows.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Http;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Trace {

	/**
	 * The `traceparent` of one try: its trace id is the idempotency key without dashes, so every try is in the same trace.
	 *
	 * @param array<string, mixed> $row An outbox row.
	 * @return string Empty: none is sent.
	 */
	public static function of_try( array $row ): string {
		$own = sprintf( '00-%s-%s-01', str_replace( '-', '', (string) $row['idempotency_key'] ), bin2hex( random_bytes( 8 ) ) );
		/**
		 * The `traceparent` that an event is sent with: that of a trace of the site's own, or an empty string for none.
		 *
		 * @since 0.2.0
		 *
		 * @param string $traceparent     W3C Trace Context; sampled.
		 * @param string $idempotency_key
		 * @param string $event_type
		 */
		return self::valid( (string) apply_filters( 'pressferry_traceparent', $own, (string) $row['idempotency_key'], (string) $row['event_type'] ) );
	}

	/**
	 * The text if it is a `traceparent`, else an empty string.
	 */
	public static function valid( string $text ): string {
		return 1 === preg_match( '/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\z/', $text ) ? $text : '';
	}
}
