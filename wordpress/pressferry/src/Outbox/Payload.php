<?php
/**
 * The bytes of an event: frozen once, sent as they are at every try.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Payload {

	const MAX_BODY_BYTES    = 262144;
	const MAX_CONTENT_CHARS = 100000;

	// What the envelope around `data` may take: six short fields, and 255 characters of object_ref escaped as \uXXXX.
	const ENVELOPE_BYTES = 2048;

	/**
	 * Compact JSON of `data`, pure ASCII (so that no charset or proxy changes it); a `content` that is too long is cut
	 * and `truncated: true` says so. Null when it does not fit even so.
	 *
	 * @param array<string, mixed> $data Any JSON-able map.
	 */
	public static function freeze( array $data ): ?string {
		$room = self::MAX_BODY_BYTES - self::ENVELOPE_BYTES;
		if ( isset( $data['content'] ) && is_string( $data['content'] ) && mb_strlen( $data['content'] ) > self::MAX_CONTENT_CHARS ) {
			$data = self::cut( $data, self::MAX_CONTENT_CHARS );
		}
		$json = self::encode( $data );
		while ( null !== $json && strlen( $json ) > $room && ! empty( $data['content'] ) && is_string( $data['content'] ) ) {
			$chars = mb_strlen( $data['content'] );
			$data  = self::cut( $data, (int) floor( $chars * min( 0.9, $room / strlen( $json ) ) ) );
			$json  = self::encode( $data );
		}
		return null !== $json && strlen( $json ) <= $room ? $json : null;
	}

	/**
	 * The request body of one try; only `sent_at` differs from try to try.
	 *
	 * @param array<string, mixed> $row     An outbox row.
	 * @param int                  $sent_ms Milliseconds since 1970, by the backend's clock.
	 */
	public static function body( array $row, int $sent_ms ): string {
		$envelope = self::encode(
			array(
				'event_type'      => (string) $row['event_type'],
				'object_ref'      => (string) $row['object_ref'],
				'idempotency_key' => (string) $row['idempotency_key'],
				'occurred_at'     => Clock::rfc3339( (int) $row['occurred_at'] ),
				'sent_at'         => Clock::rfc3339( $sent_ms ),
			)
		);
		return substr( (string) $envelope, 0, -1 ) . ',"data":' . $row['payload'] . '}';
	}

	/**
	 * @param array<string, mixed> $value A map; an empty one stays a JSON object.
	 */
	private static function encode( array $value ): ?string {
		// wp_json_encode repairs invalid UTF-8, where json_encode gives up.
		$json = wp_json_encode( array() === $value ? new \stdClass() : $value, JSON_UNESCAPED_SLASHES );
		return false === $json ? null : $json;
	}

	/**
	 * @param array<string, mixed> $data
	 * @return array<string, mixed>
	 */
	private static function cut( array $data, int $chars ): array {
		$data['content']   = mb_substr( $data['content'], 0, $chars );
		$data['truncated'] = true;
		return $data;
	}
}
