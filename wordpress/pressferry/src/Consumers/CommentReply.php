<?php
/**
 * The draft of an answer to a comment, kept as a comment that awaits moderation: nothing is shown before a person approves it.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Consumers;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class CommentReply {

	const META = '_pressferry_result';

	// Tells such a comment from a person's.
	const AGENT = 'pressferry';

	/**
	 * @param array<string, mixed> $result As `pressferry_result` gives it.
	 */
	public static function take( array $result ): void {
		$draft   = Consumers::text( $result, 'draft' );
		$comment = get_comment( (int) $result['object_ref'] );
		if ( '' === $draft || ! $comment instanceof \WP_Comment || in_array( $comment->comment_approved, array( 'spam', 'trash', 'post-trashed' ), true ) ) {
			return;
		}
		$post   = get_post( (int) $comment->comment_post_ID );
		$author = null === $post ? false : get_userdata( (int) $post->post_author );
		// wp_insert_comment, not wp_new_comment: no mail and no flood control.
		wp_insert_comment(
			wp_slash(
				array(
					'comment_post_ID'      => (int) $comment->comment_post_ID,
					'comment_parent'       => (int) $comment->comment_ID,
					'comment_content'      => $draft,
					'comment_approved'     => 0,
					'comment_author'       => false === $author ? get_bloginfo( 'name' ) : $author->display_name,
					'comment_author_email' => false === $author ? '' : $author->user_email,
					'user_id'              => false === $author ? 0 : $author->ID,
					'comment_agent'        => self::AGENT,
					'comment_meta'         => array( self::META => $result['result_id'] ),
				)
			)
		);
	}
}
