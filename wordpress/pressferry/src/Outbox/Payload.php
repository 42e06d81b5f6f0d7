<?php
/**
 * The bytes of an event: frozen once, sent as they are at every try.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;
use Pressferry\Contract\Shapes;
use Pressferry\Contract\Wire;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Payload {

	const MAX_CONTENT_CHARS = 100000;

	// What the envelope around `data` may take: six short fields, 255 characters of object_ref escaped as \uXXXX, and a stamp.
	const ENVELOPE_BYTES = 2048;
	const ROOM_BYTES     = Wire::MAX_BODY_BYTES - self::ENVELOPE_BYTES;

	// Where an event that is stamped again says when it happened.
	const STAMP = 'original_occurred_at';

	/**
	 * Compact JSON of `data`, pure ASCII (so that no charset or proxy changes it), its members of the kinds that the type's schema
	 * says. A `content` that is too long is cut, and `truncated: true` says so; more than ROOM_BYTES when that does not help.
	 * Null when JSON cannot say it.
	 *
	 * @param array<string, mixed> $data Any JSON-able map.
	 */
	public static function freeze( array $data, string $type = '' ): ?string {
		// Before its members get the schema's kinds and bounds, for then nothing would say that it was cut.
		if ( isset( $data['content'] ) && is_string( $data['content'] ) && mb_strlen( $data['content'] ) > self::MAX_CONTENT_CHARS ) {
			$data = self::cut( $data, self::MAX_CONTENT_CHARS );
		}
		$data  = Shape::fit( $data, $type );
		$json  = self::encode( $data );
		$bytes = strlen( (string) $json );
		while ( $bytes > self::ROOM_BYTES && ! empty( $data['content'] ) && is_string( $data['content'] ) ) {
			$chars = mb_strlen( $data['content'] );
			$data  = self::cut( $data, (int) floor( $chars * min( 0.9, self::ROOM_BYTES / $bytes ) ) );
			$json  = self::encode( $data );
			$bytes = strlen( (string) $json );
		}
		return $json;
	}

	/**
	 * The request body of one try.
	 *
	 * @param array<string, mixed> $row        An outbox row.
	 * @param int                  $sent_ms    Milliseconds since 1970, by the backend's clock.
	 * @param int                  $wire_ms    The time of the event as WireTime gave it.
	 * @param int                  $true_ms    When it happened. If the backend could not take that, `data.meta` says it.
	 */
	public static function body( array $row, int $sent_ms, int $wire_ms, int $true_ms ): string {
		$envelope = self::encode(
			array(
				'event_type'      => (string) $row['event_type'],
				'object_ref'      => (string) $row['object_ref'],
				'idempotency_key' => (string) $row['idempotency_key'],
				'occurred_at'     => Clock::rfc3339( $wire_ms ),
				'sent_at'         => Clock::rfc3339( $sent_ms ),
			)
		);
		$data     = $wire_ms - $true_ms > WireTime::MARGIN_MS ? self::stamped( $row, $true_ms ) : (string) $row['payload'];
		return substr( (string) $envelope, 0, -1 ) . ',"data":' . $data . '}';
	}

	/**
	 * The payload with the time at which it happened in its `meta`; as it is where the type has no `meta`.
	 *
	 * @param array<string, mixed> $row An outbox row.
	 */
	private static function stamped( array $row, int $true_ms ): string {
		// Objects, not arrays: an empty {} stays one.
		$data = json_decode( (string) $row['payload'] );
		if ( ! isset( Shapes::TYPES[ $row['event_type'] ]['members']['meta'] ) || ! $data instanceof \stdClass ) {
			return (string) $row['payload'];
		}
		$data->meta                  = isset( $data->meta ) && $data->meta instanceof \stdClass ? $data->meta : new \stdClass();
		$data->meta->{ self::STAMP } = Clock::rfc3339( $true_ms );
		return (string) wp_json_encode( $data, JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION );
	}

	/**
	 * @param array<string, mixed> $value A map; an empty one stays a JSON object.
	 */
	private static function encode( array $value ): ?string {
		// wp_json_encode repairs invalid UTF-8; json_encode fails on it.
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
