<?php
/**
 * A row of the outbox to be: what one INSERT needs, here or later from the fall-back.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Events\Event;
use Pressferry\Uuid;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Entry {

	// What every collation tells apart.
	const PLAIN = 'abcdefghijklmnopqrstuvwxyz0123456789_.:/- ';

	/** @var string */
	public $idempotency_key;

	/** @var string At most 191 characters. */
	public $dedupe_key;

	/** @var string */
	public $event_type;

	/** @var string */
	public $object_ref;

	/** @var int */
	public $post_id;

	/** @var string JSON. */
	public $payload;

	/** @var int Milliseconds since 1970, by this server's clock. */
	public $occurred_at;

	/** @var int When it is sent at the earliest. */
	public $due_at;

	/** @var string Why it can never be sent, or an empty string. */
	public $fault;

	/**
	 * @param string|null $payload As Payload::freeze returned it.
	 */
	public static function of( Event $event, ?string $payload, int $now_ms ): self {
		$entry                  = new self();
		$entry->idempotency_key = Uuid::v4();
		$entry->dedupe_key      = self::dedupe_key( $event->dedupe_key );
		$entry->event_type      = $event->type;
		$entry->object_ref      = mb_substr( $event->object_ref, 0, 255 );
		$entry->post_id         = $event->post_id;
		$entry->payload         = $payload ?? '{}';
		$entry->occurred_at     = $now_ms;
		$entry->due_at          = $now_ms + $event->settle_ms;
		$entry->fault           = null === $payload ? 'payload_not_json' : ( strlen( $payload ) > Payload::ROOM_BYTES ? 'payload_too_large' : '' );
		return $entry;
	}

	/**
	 * The key as the column compares it: to a collation A and a, é and e are one, as are a text with and one without a space behind it.
	 */
	private static function dedupe_key( string $key ): string {
		$is_plain = '' !== $key && strlen( $key ) <= 191 && strspn( $key, self::PLAIN ) === strlen( $key ) && ' ' !== substr( $key, -1 );
		return $is_plain ? $key : hash( 'sha256', $key );
	}

	/**
	 * The same with an object_ref that a table of any character set takes; null if it has been so already.
	 */
	public function in_ascii(): ?self {
		$plain             = clone $this;
		$plain->object_ref = (string) preg_replace( '/[^\x20-\x7e]/u', '?', $this->object_ref );
		return $plain->object_ref === $this->object_ref || '' === $plain->object_ref ? null : $plain;
	}

	/**
	 * @return array<string, mixed>
	 */
	public function to_array(): array {
		return get_object_vars( $this );
	}

	/**
	 * Null when the map is not one of `to_array`.
	 *
	 * @param mixed $map
	 */
	public static function from_array( $map ): ?self {
		$entry = new self();
		// Written by version 0.2.0 there is none.
		$map = is_array( $map ) ? $map + array( 'due_at' => $map['occurred_at'] ?? null ) : array();
		foreach ( array_keys( get_object_vars( $entry ) ) as $name ) {
			if ( ! isset( $map[ $name ] ) || ! is_scalar( $map[ $name ] ) ) {
				return null;
			}
			$entry->$name = in_array( $name, array( 'post_id', 'occurred_at', 'due_at' ), true ) ? (int) $map[ $name ] : (string) $map[ $name ];
		}
		return $entry;
	}
}
