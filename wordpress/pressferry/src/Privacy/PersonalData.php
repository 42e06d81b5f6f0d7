<?php
/**
 * What the outbox and the inbox hold of a person: for WordPress' export and erasure of personal data, and for the privacy policy.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Privacy;

use Pressferry\Outbox\Schema;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- our tables, never cached; their names cannot be prepared before 6.2, all values are.

final class PersonalData {

	const PER_PAGE = 100;

	/**
	 * @param array<string, mixed> $exporters
	 * @return array<string, mixed>
	 */
	public static function exporters( $exporters ) {
		$exporters['pressferry'] = array(
			'exporter_friendly_name' => __( 'Pressferry events', 'pressferry' ),
			'callback'               => array( self::class, 'export' ),
		);
		return $exporters;
	}

	/**
	 * @param array<string, mixed> $erasers
	 * @return array<string, mixed>
	 */
	public static function erasers( $erasers ) {
		$own = array(
			'eraser_friendly_name' => __( 'Pressferry events', 'pressferry' ),
			'callback'             => array( self::class, 'erase' ),
		);
		// Before WordPress takes the address off the person's comments: by it the events of these comments are found.
		return array( 'pressferry' => $own ) + $erasers;
	}

	/**
	 * @param string $email
	 * @param int    $page From 1.
	 * @return array{data: array<int, array<string, mixed>>, done: bool}
	 */
	public static function export( $email, $page = 1 ) {
		$rows = self::candidates( (string) $email, 0, ( (int) $page - 1 ) * self::PER_PAGE );
		$data = array();
		foreach ( array_filter( $rows, self::is_of( (string) $email ) ) as $row ) {
			$data[] = array(
				'group_id'    => 'pressferry',
				'group_label' => __( 'Events sent to automations', 'pressferry' ),
				'item_id'     => 'pressferry-' . $row['id'],
				'data'        => array(
					array(
						'name'  => __( 'Event', 'pressferry' ),
						'value' => $row['event_type'] . ' ' . $row['object_ref'],
					),
					array(
						'name'  => __( 'When', 'pressferry' ),
						'value' => gmdate( 'c', intdiv( (int) $row['occurred_at'], 1000 ) ),
					),
					array(
						'name'  => __( 'Content', 'pressferry' ),
						'value' => (string) wp_json_encode( json_decode( $row['payload'] ), JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES ),
					),
				),
			);
		}
		return array(
			'data' => $data,
			'done' => count( $rows ) < self::PER_PAGE,
		);
	}

	/**
	 * Empties the rows. An event that has not been sent is not sent any more; its row stays, so it is not recorded again.
	 *
	 * @param string $email
	 * @return array{items_removed: bool, items_retained: bool, messages: string[], done: bool}
	 */
	public static function erase( $email ) {
		$erased = 0;
		$after  = 0;
		do {
			// Not by page: what is erased is in no page any more, and what is another's stays in its own.
			$rows = self::candidates( (string) $email, $after );
			foreach ( array_filter( $rows, self::is_of( (string) $email ) ) as $row ) {
				self::erase_row( $row );
				++$erased;
			}
			$after = array() === $rows ? 0 : (int) end( $rows )['id'];
			$done  = count( $rows ) < self::PER_PAGE;
		} while ( ! $done && $erased < self::PER_PAGE );
		return array(
			'items_removed'  => $erased > 0,
			'items_retained' => false,
			'messages'       => array(),
			'done'           => $done,
		);
	}

	/**
	 * @param array<string, mixed> $row
	 */
	private static function erase_row( array $row ): void {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( 'UPDATE ' . Schema::outbox() . " SET payload = '{}', object_ref = '', status = CASE WHEN status = 'sent' THEN 'sent' ELSE 'refused' END, last_error = 'erased', claim_token = '' WHERE id = %d", $row['id'] ) );
		$wpdb->query( $wpdb->prepare( 'UPDATE ' . Schema::inbox() . " SET output = '{}', error = 'null', object_ref = '' WHERE idempotency_key = %s", $row['idempotency_key'] ) );
	}

	public static function policy(): void {
		if ( function_exists( 'wp_add_privacy_policy_content' ) ) {
			wp_add_privacy_policy_content( 'Pressferry', wp_kses_post( '<p>' . __( 'When you comment, send a form, register or order, what you entered is sent to our automation service and kept in our outbox for up to 90 days. If you ask us to erase your data, it is erased there, and the service is told.', 'pressferry' ) . '</p>' ) );
		}
	}

	/**
	 * What automations made of a post goes with it.
	 *
	 * @param int $post_id
	 */
	public static function forget_post( $post_id ): void {
		global $wpdb;
		$before = $wpdb->suppress_errors( true );
		$wpdb->query( $wpdb->prepare( 'DELETE FROM ' . Schema::inbox() . ' WHERE post_id = %d', (int) $post_id ) );
		$wpdb->suppress_errors( $before );
	}

	/**
	 * Events of the comments that the address left, those of its account, and those in which it occurs, perhaps as a part of another one.
	 *
	 * @return array<int, array<string, mixed>> With `is_named` 1: of the comments and the account.
	 */
	private static function candidates( string $email, int $after, int $offset = 0 ): array {
		global $wpdb;
		Schema::ensure();
		$user     = get_user_by( 'email', $email );
		$comments = get_comments(
			array(
				'author_email' => $email,
				'fields'       => 'ids',
				'status'       => 'any',
			)
		);
		$refs     = array_merge( array( 0 ), array_map( 'intval', (array) $comments ) );
		$places   = implode( ', ', array_fill( 0, count( $refs ), '%s' ) );
		$is_named = $wpdb->prepare( "((event_type = 'comment.created' AND object_ref IN ({$places})) OR (event_type = 'user.registered' AND object_ref = %s))", array_merge( array_map( 'strval', $refs ), array( $user ? (string) $user->ID : '0' ) ) );
		$like     = '%' . $wpdb->esc_like( trim( (string) wp_json_encode( $email, JSON_UNESCAPED_SLASHES ), '"' ) ) . '%';
		return (array) $wpdb->get_results( "SELECT id, idempotency_key, event_type, object_ref, occurred_at, payload, {$is_named} AS is_named FROM " . Schema::outbox() . " WHERE last_error <> 'erased'" . $wpdb->prepare( ' AND id > %d AND (payload LIKE %s OR ', $after, $like ) . $is_named . $wpdb->prepare( ') ORDER BY id LIMIT %d OFFSET %d', self::PER_PAGE, $offset ), ARRAY_A );
	}

	/**
	 * @return callable(array<string, mixed>): bool Whether a candidate is this person's.
	 */
	private static function is_of( string $email ): callable {
		return static function ( array $row ) use ( $email ): bool {
			$data = json_decode( $row['payload'], true );
			if ( ! empty( $row['is_named'] ) || ! is_array( $data ) ) {
				return true;
			}
			$is_there = false;
			array_walk_recursive(
				$data,
				static function ( $value, $name ) use ( $email, &$is_there ): void {
					$is_there = $is_there || self::names( $name . "\n" . ( is_string( $value ) ? $value : '' ), $email );
				}
			);
			return $is_there;
		};
	}

	/**
	 * Whether the address stands in a text as a whole: ada@ is not grada@.
	 */
	private static function names( string $text, string $email ): bool {
		$parts = explode( strtolower( $email ), strtolower( $text ) );
		$count = count( $parts );
		for ( $next = 1; $next < $count; $next++ ) {
			$is_begun = 1 === preg_match( '/[\p{L}\p{N}._%+-]\z|[\p{L}\p{N}]\'\z/u', mb_substr( $parts[ $next - 1 ], -2 ) );
			$goes_on  = 1 === preg_match( '/\A(?:[\p{L}\p{N}_-]|\.[\p{L}\p{N}])/u', mb_substr( $parts[ $next ], 0, 2 ) );
			if ( ! $is_begun && ! $goes_on ) {
				return true;
			}
		}
		return false;
	}
}
