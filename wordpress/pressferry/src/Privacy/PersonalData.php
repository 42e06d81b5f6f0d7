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
		$erasers['pressferry'] = array(
			'eraser_friendly_name' => __( 'Pressferry events', 'pressferry' ),
			'callback'             => array( self::class, 'erase' ),
		);
		return $erasers;
	}

	/**
	 * @param string $email
	 * @param int    $page From 1.
	 * @return array{data: array<int, array<string, mixed>>, done: bool}
	 */
	public static function export( $email, $page = 1 ) {
		$rows = self::rows_of( (string) $email, ( (int) $page - 1 ) * self::PER_PAGE );
		$data = array();
		foreach ( $rows as $row ) {
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
		global $wpdb;
		$rows = self::rows_of( (string) $email, 0 );
		foreach ( $rows as $row ) {
			$wpdb->query( $wpdb->prepare( 'UPDATE ' . Schema::outbox() . " SET payload = '{}', object_ref = '', status = CASE WHEN status = 'sent' THEN 'sent' ELSE 'refused' END, last_error = 'erased', claim_token = '' WHERE id = %d", $row['id'] ) );
			$wpdb->query( $wpdb->prepare( 'UPDATE ' . Schema::inbox() . " SET output = '{}', object_ref = '' WHERE idempotency_key = %s", $row['idempotency_key'] ) );
		}
		return array(
			'items_removed'  => array() !== $rows,
			'items_retained' => false,
			'messages'       => array(),
			'done'           => count( $rows ) < self::PER_PAGE,
		);
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
	 * Events that name the address, those of the comments that it left, and those of its account.
	 *
	 * @return array<int, array<string, mixed>>
	 */
	private static function rows_of( string $email, int $offset ): array {
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
		$values   = array_merge( array( '%' . $wpdb->esc_like( trim( (string) wp_json_encode( $email, JSON_UNESCAPED_SLASHES ), '"' ) ) . '%' ), array_map( 'strval', $refs ), array( $user ? (string) $user->ID : '0', self::PER_PAGE, $offset ) );
		return (array) $wpdb->get_results( $wpdb->prepare( 'SELECT id, idempotency_key, event_type, object_ref, occurred_at, payload FROM ' . Schema::outbox() . " WHERE last_error <> 'erased' AND (payload LIKE %s OR (event_type = 'comment.created' AND object_ref IN ({$places})) OR (event_type = 'user.registered' AND object_ref = %s)) ORDER BY id LIMIT %d OFFSET %d", $values ), ARRAY_A );
	}
}
