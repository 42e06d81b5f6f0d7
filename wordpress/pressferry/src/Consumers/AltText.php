<?php
/**
 * Alternative texts for the images of a post: `alt_texts`, a map of attachment ids, or a list of `attachment_id` and `alt_text`. An image that has
 * one keeps it.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Consumers;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class AltText {

	const META = '_wp_attachment_image_alt';

	/**
	 * @param array<string, mixed> $result As `pressferry_result` gives it.
	 */
	public static function take( array $result ): void {
		$texts   = $result['output']['alt_texts'] ?? null;
		$post_id = (int) $result['object_ref'];
		if ( ! is_array( $texts ) || null === get_post( $post_id ) ) {
			return;
		}
		foreach ( $texts as $id => $text ) {
			if ( is_array( $text ) ) {
				list( $id, $text ) = array( $text['attachment_id'] ?? null, $text['alt_text'] ?? null );
			}
			$image = is_scalar( $id ) ? get_post( (int) $id ) : null;
			// Only the post's own: a result is about one post, and no other image is its to describe.
			$is_own = null !== $image && 'attachment' === $image->post_type && ( $post_id === (int) $image->post_parent || (int) get_post_thumbnail_id( $post_id ) === $image->ID );
			if ( $is_own && is_string( $text ) && '' === (string) get_post_meta( $image->ID, self::META, true ) ) {
				update_post_meta( $image->ID, self::META, wp_slash( sanitize_text_field( $text ) ) );
			}
		}
	}
}
