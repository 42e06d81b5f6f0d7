<?php
/**
 * A post's summary as its excerpt: never over one that a person wrote, or has changed since.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Consumers;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Excerpt {

	// What this class wrote last, as a hash: another excerpt is a person's.
	const META = '_pressferry_excerpt';

	/**
	 * @param array<string, mixed> $result As `pressferry_result` gives it.
	 */
	public static function take( array $result ): void {
		$summary = Consumers::text( $result, 'summary' );
		$post    = get_post( (int) $result['object_ref'] );
		if ( '' === $summary || null === $post ) {
			return;
		}
		$ours = (string) get_post_meta( $post->ID, self::META, true );
		if ( '' !== $post->post_excerpt && hash( 'sha256', $post->post_excerpt ) !== $ours ) {
			return;
		}
		self::update( $post->ID, $summary );
		$stored = get_post( $post->ID );
		update_post_meta( $post->ID, self::META, hash( 'sha256', null === $stored ? '' : $stored->post_excerpt ) );
	}

	/**
	 * A push has no user. What is saved without one WordPress filters: it would take scripts, frames and forms out of the content, which goes
	 * along with the excerpt.
	 */
	private static function update( int $post_id, string $summary ): void {
		$filtered = false !== has_filter( 'content_save_pre', 'wp_filter_post_kses' );
		$filtered && kses_remove_filters();
		try {
			wp_update_post(
				wp_slash(
					array(
						'ID'           => $post_id,
						'post_excerpt' => $summary,
					)
				)
			);
		} finally {
			$filtered && kses_init_filters();
		}
	}
}
