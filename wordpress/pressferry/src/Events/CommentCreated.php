<?php
/**
 * `comment.created`: once for each comment a person wrote under what everyone can read, approved or held, also when it comes out of spam.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

use Pressferry\Clock;
use Pressferry\Consumers\CommentReply;
use WP_Comment;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class CommentCreated implements Source {

	const TYPE = 'comment.created';

	// wp_insert_comment also carries shop order notes, task logs, block notes and pingbacks: only these are a person's words.
	const COMMENT_TYPES = array( '', 'comment', 'review' );

	const STATUSES = array(
		'1' => 'approved',
		'0' => 'hold',
	);

	public function register( Recorder $recorder ): void {
		$capture = static function ( $comment ) use ( $recorder ): void {
			if ( $comment instanceof WP_Comment && self::by_a_person( $comment ) ) {
				$recorder->capture(
					'comment:' . $comment->comment_ID,
					static function () use ( $comment ): ?Event {
						$now = get_comment( (int) $comment->comment_ID );
						return $now instanceof WP_Comment ? self::event( $now ) : null;
					}
				);
			}
		};
		// Not comment_post: comments made through the REST API never fire it.
		add_action(
			'wp_insert_comment',
			static function ( $id, $comment ) use ( $capture ): void {
				$capture( $comment );
			},
			Recorder::FIRST,
			2
		);
		// Out of spam or the bin; one that was recorded before is there already.
		add_action(
			'transition_comment_status',
			static function ( $new_status, $old_status, $comment ) use ( $capture ): void {
				$capture( $comment );
			},
			Recorder::FIRST,
			3
		);
	}

	private static function by_a_person( WP_Comment $comment ): bool {
		// A draft made of a result, approved or not, would be answered by another.
		return in_array( $comment->comment_type, self::COMMENT_TYPES, true ) && CommentReply::AGENT !== $comment->comment_agent && ! ( defined( 'WP_IMPORTING' ) && WP_IMPORTING );
	}

	/**
	 * Whether everyone can read the post that the comment is under.
	 */
	private static function is_in_public( WP_Comment $comment ): bool {
		$post = get_post( (int) $comment->comment_post_ID );
		return null !== $post && '' === $post->post_password && is_post_publicly_viewable( $post );
	}

	public static function event( WP_Comment $comment ): ?Event {
		$status = self::STATUSES[ $comment->comment_approved ] ?? '';
		if ( '' === $status ) {
			return null;
		}
		$created = strtotime( $comment->comment_date_gmt . ' UTC' );
		return new Event(
			array(
				'type'       => self::TYPE,
				'object_ref' => (string) $comment->comment_ID,
				'data'       => array(
					'comment_id'  => (int) $comment->comment_ID,
					'post_id'     => (int) $comment->comment_post_ID,
					'parent_id'   => (int) $comment->comment_parent,
					'author_name' => mb_substr( $comment->comment_author, 0, 250 ),
					'content'     => $comment->comment_content,
					'status'      => $status,
					'created_at'  => Clock::rfc3339( ( $created > 0 ? $created : time() ) * 1000 ),
				),
				'dedupe_key' => implode( ':', array( self::TYPE, get_current_blog_id(), $comment->comment_ID ) ),
				'post_id'    => (int) $comment->comment_post_ID,
				'wanted'     => self::is_in_public( $comment ),
			)
		);
	}
}
