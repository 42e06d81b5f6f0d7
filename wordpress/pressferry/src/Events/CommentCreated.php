<?php
/**
 * `comment.created`: once for each comment a person wrote, approved or held.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

use Pressferry\Clock;
use WP_Comment;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class CommentCreated implements Source {

	const TYPE = 'comment.created';

	// wp_insert_comment also carries shop order notes, task logs, block notes and pingbacks: only these are a person's words.
	const COMMENT_TYPES = array( '', 'comment', 'review' );

	public function register( Recorder $recorder ): void {
		// Not comment_post: comments made through the REST API never fire it.
		add_action(
			'wp_insert_comment',
			static function ( $id, $comment ) use ( $recorder ): void {
				$recorder->record(
					static function () use ( $comment ): ?Event {
						return $comment instanceof WP_Comment && self::by_a_person( $comment ) ? self::event( $comment ) : null;
					}
				);
			},
			10,
			2
		);
	}

	private static function by_a_person( WP_Comment $comment ): bool {
		return in_array( $comment->comment_type, self::COMMENT_TYPES, true ) && ! ( defined( 'WP_IMPORTING' ) && WP_IMPORTING );
	}

	private static function event( WP_Comment $comment ): Event {
		$created = strtotime( $comment->comment_date_gmt . ' UTC' );
		$names   = array(
			'1' => 'approved',
			'0' => 'hold',
		);
		$status  = $names[ $comment->comment_approved ] ?? (string) $comment->comment_approved;
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
				'wanted'     => in_array( $status, array( 'approved', 'hold' ), true ),
			)
		);
	}
}
