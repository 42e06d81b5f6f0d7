<?php
/**
 * The functions other code may call.
 *
 * @package Pressferry
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * The results stored for a post, newest first, each with keys result_id, idempotency_key, event_type, object_ref,
 * automation, status, output (array), error (array or null), completed_at and stored_at (milliseconds since 1970).
 *
 * @since 0.1.0
 *
 * @param int $post_id A post's id.
 * @return array<int, array<string, mixed>>
 */
function pressferry_get_results( int $post_id ): array {
	return ( new \Pressferry\Callback\Inbox( new \Pressferry\Clock() ) )->for_post( $post_id );
}

/**
 * Records an event of your own: it is written to the outbox now, and sent after the visitor has been answered. From a theme, call it at
 * `init` or later.
 *
 * @since 0.2.0
 *
 * @param string               $type       An event type of the backend's catalogue, e.g. `form.submitted`, or one that its operator added.
 * @param string               $object_ref What it is about, 1–255 characters: an entry's id, an order's.
 * @param array<string, mixed> $data       What the type's schema wants.
 * @param array<string, mixed> $options    dedupe_key: two calls with the same one record one event; post_id: whose edit screen shows the results.
 * @return string|WP_Error added; duplicate; unwanted, if a filter said no; or what is wrong.
 */
function pressferry_record_event( string $type, string $object_ref, array $data, array $options = array() ) {
	return \Pressferry\Events\OwnEvent::record( $type, $object_ref, $data, $options );
}
