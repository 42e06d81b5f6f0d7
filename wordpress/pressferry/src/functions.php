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
 * @param int $post_id A post's id.
 * @return array<int, array<string, mixed>>
 */
function pressferry_get_results( int $post_id ): array {
	return ( new \Pressferry\Callback\Inbox( new \Pressferry\Clock() ) )->for_post( $post_id );
}
