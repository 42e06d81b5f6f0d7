<?php
/**
 * What would leave the site as an event of a type, now: made of the site's newest object, else of the last event, else of an example.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Contract\Samples;
use Pressferry\Events\CommentCreated;
use Pressferry\Events\Event;
use Pressferry\Events\PostPublished;
use Pressferry\Events\PostUpdated;
use Pressferry\Events\Recorder;
use Pressferry\Events\UserRegistered;
use Pressferry\Outbox\Payload;
use Pressferry\Outbox\Schema;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Preview {

	// A screen shows what leaves, not a whole article.
	const MAX_CHARS = 300;

	// How far back the last event is looked for: the table has no index for types.
	const RECENT_ROWS = 1000;

	/**
	 * @return array{origin: string, json: string} The origin in words; the JSON is empty if a filter keeps the event here.
	 */
	public static function of( string $type ): array {
		list( $event, $origin ) = self::event( $type );
		try {
			$data = Recorder::data( $event );
			if ( ! Recorder::is_wanted( $event, $data ) ) {
				return array(
					'origin' => __( 'A filter keeps this event here.', 'pressferry' ),
					'json'   => '',
				);
			}
		} catch ( \Throwable $error ) {
			return array(
				/* translators: %s: the class of an error. */
				'origin' => sprintf( __( 'A filter of this event failed: %s.', 'pressferry' ), get_class( $error ) ),
				'json'   => '',
			);
		}
		return array(
			'origin' => $origin,
			'json'   => (string) wp_json_encode( self::shortened( json_decode( (string) Payload::freeze( $data, $type ) ) ), JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE ),
		);
	}

	/**
	 * @return array{0: Event, 1: string}
	 */
	private static function event( string $type ): array {
		$newest = self::newest( $type );
		if ( null !== $newest ) {
			return array( $newest, __( 'Made of the newest that this site has:', 'pressferry' ) );
		}
		$last = self::last( $type );
		$made = array(
			'type'       => $type,
			'object_ref' => '1',
			'data'       => $last ?? Samples::TYPES[ $type ],
			'dedupe_key' => $type,
		);
		return array( new Event( $made ), null === $last ? __( 'An example, because this site has none yet:', 'pressferry' ) : __( 'Made of the last event:', 'pressferry' ) );
	}

	private static function newest( string $type ): ?Event {
		if ( UserRegistered::TYPE === $type ) {
			return UserRegistered::event( wp_get_current_user() );
		}
		if ( CommentCreated::TYPE === $type ) {
			$comments = get_comments(
				array(
					'number'      => 1,
					'status'      => 'approve',
					'type__in'    => array( 'comment', 'review' ),
					'post_status' => 'publish',
				)
			);
			return array() === $comments ? null : CommentCreated::event( $comments[0] );
		}
		$posts = in_array( $type, array( PostPublished::TYPE, PostUpdated::TYPE ), true ) ? get_posts(
			array(
				'numberposts'  => 1,
				'post_type'    => array_diff( get_post_types( array( 'public' => true ) ), array( 'attachment' ) ),
				'has_password' => false,
				'orderby'      => 'ID',
			)
		) : array();
		if ( array() === $posts ) {
			return null;
		}
		return PostPublished::TYPE === $type ? PostPublished::event( $posts[0] ) : PostUpdated::of( $posts[0], array( 'title', 'content' ) );
	}

	/**
	 * @return array<string, mixed>|null
	 */
	private static function last( string $type ): ?array {
		global $wpdb;
		$table  = Schema::outbox();
		$before = $wpdb->suppress_errors( true );
		// phpcs:ignore WordPress.DB -- our table, never cached; its name cannot be prepared before 6.2.
		$payload = $wpdb->get_var( $wpdb->prepare( "SELECT payload FROM {$table} WHERE event_type = %s AND payload <> '{}' AND id > (SELECT MAX(id) FROM {$table}) - %d ORDER BY id DESC LIMIT 1", $type, self::RECENT_ROWS ) );
		$wpdb->suppress_errors( $before );
		$data = json_decode( (string) $payload, true );
		return is_array( $data ) ? $data : null;
	}

	/**
	 * @param mixed $value
	 * @return mixed
	 */
	private static function shortened( $value ) {
		if ( is_string( $value ) && mb_strlen( $value ) > self::MAX_CHARS ) {
			return mb_substr( $value, 0, self::MAX_CHARS ) . ' …';
		}
		if ( $value instanceof \stdClass ) {
			return (object) array_map( array( self::class, 'shortened' ), get_object_vars( $value ) );
		}
		return is_array( $value ) ? array_map( array( self::class, 'shortened' ), $value ) : $value;
	}
}
