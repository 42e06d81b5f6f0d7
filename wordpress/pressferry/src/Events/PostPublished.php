<?php
/**
 * `post.published`: once each time a public post becomes readable by everyone.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

use Pressferry\Clock;
use WP_Post;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class PostPublished implements Source {

	const TYPE = 'post.published';

	public function register( Recorder $recorder ): void {
		$capture = static function ( $post, $before ) use ( $recorder ): void {
			if ( $post instanceof WP_Post && self::became_readable( $post, $before ) ) {
				$recorder->capture(
					'post:' . $post->ID,
					static function () use ( $post ): ?Event {
						$now = get_post( $post->ID );
						return $now instanceof WP_Post && 'publish' === $now->post_status ? self::event( $now ) : null;
					}
				);
			}
		};
		// The first hook of a save: a plugin that ends the request at a later one loses nothing. Terms and meta are read at the end.
		add_action(
			'transition_post_status',
			static function ( $new_status, $old_status, $post ) use ( $capture ): void {
				if ( $new_status !== $old_status ) {
					$capture( $post, null );
				}
			},
			Recorder::FIRST,
			3
		);
		// A password that is removed changes no status.
		add_action(
			'post_updated',
			static function ( $post_id, $post, $before ) use ( $capture ): void {
				$capture( $post, $before );
			},
			Recorder::FIRST,
			3
		);
	}

	/**
	 * @param mixed $before The post as it was, or null for a new one.
	 */
	private static function became_readable( WP_Post $post, $before ): bool {
		$was_published = $before instanceof WP_Post && 'publish' === $before->post_status;
		$lost_password = $was_published && '' !== $before->post_password && '' === $post->post_password;
		if ( 'publish' !== $post->post_status || ( $was_published && ! $lost_password ) ) {
			return false;
		}
		if ( wp_is_post_revision( $post ) || wp_is_post_autosave( $post ) || ( defined( 'WP_IMPORTING' ) && WP_IMPORTING ) ) {
			return false;
		}
		return self::is_of_public_type( $post );
	}

	public static function is_of_public_type( WP_Post $post ): bool {
		$type = get_post_type_object( $post->post_type );
		return null !== $type && (bool) $type->public;
	}

	/**
	 * @return array<string, mixed> As the schema of this type wants it, within its bounds.
	 */
	public static function data( WP_Post $post ): array {
		$published = strtotime( $post->post_date_gmt . ' UTC' );
		$author    = get_the_author_meta( 'display_name', (int) $post->post_author );
		$data      = array(
			'post_id'      => $post->ID,
			'post_type'    => $post->post_type,
			'title'        => Text::plain( $post->post_title, 2000 ),
			'url'          => (string) get_permalink( $post ),
			'status'       => 'publish',
			'author'       => mb_substr( (string) $author, 0, 250 ),
			'excerpt'      => Text::plain( $post->post_excerpt, 20000 ),
			// Not run through the_content, which would run anybody's code here.
			'content'      => Text::without_block_comments( $post->post_content ),
			'published_at' => Clock::rfc3339( ( $published > 0 ? $published : time() ) * 1000 ),
		);
		foreach ( array( 'author', 'excerpt' ) as $optional ) {
			if ( '' === $data[ $optional ] ) {
				unset( $data[ $optional ] );
			}
		}
		return $data;
	}

	/**
	 * A hash of the columns from which the data is made.
	 */
	public static function state( WP_Post $post ): string {
		return md5( (string) wp_json_encode( array( $post->post_title, $post->post_content, $post->post_excerpt, $post->post_name, $post->post_parent, $post->post_author, $post->post_type, $post->post_date_gmt ) ) );
	}

	public static function event( WP_Post $post ): Event {
		return new Event(
			array(
				'type'       => self::TYPE,
				'object_ref' => (string) $post->ID,
				'data'       => self::data( $post ),
				// Time and state tell a second publishing, also within the same second, from a second report of the first.
				'dedupe_key' => implode( ':', array( self::TYPE, get_current_blog_id(), $post->ID, $post->post_modified_gmt, self::state( $post ) ) ),
				'post_id'    => $post->ID,
				'wanted'     => '' === $post->post_password,
			)
		);
	}
}
