<?php
/**
 * `post.updated`: when something of a public post has changed that its event carries. Off by default, because each change may start an
 * automation that costs money.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

use Pressferry\Callback\Results;
use Pressferry\Clock;
use Pressferry\Outbox\Payload;
use Pressferry\Outbox\Settling;
use WP_Post;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class PostUpdated implements Source {

	const TYPE = 'post.updated';

	// People who work on a text save it again and again, and some editors save twice by themselves.
	const SETTLE_MS = MINUTE_IN_SECONDS * 1000;

	/** The columns from which each member of the data is made. */
	const MEMBERS = array(
		'title'        => array( 'post_title' ),
		'content'      => array( 'post_content' ),
		'excerpt'      => array( 'post_excerpt' ),
		'url'          => array( 'post_name', 'post_parent' ),
		'author'       => array( 'post_author' ),
		'post_type'    => array( 'post_type' ),
		'published_at' => array( 'post_date_gmt' ),
	);

	/** @var array<string, WP_Post|null> By site and id, the post before the request changed it; null if the request published it. */
	private $before = array();

	public function register( Recorder $recorder ): void {
		// What is published now is not updated.
		add_action(
			'transition_post_status',
			function ( $new_status, $old_status, $post ) use ( $recorder ): void {
				if ( $post instanceof WP_Post && 'publish' === $new_status && $new_status !== $old_status && $recorder->is_on() ) {
					$this->watch( $post, null, $recorder );
				}
			},
			Recorder::FIRST,
			3
		);
		add_action(
			'post_updated',
			function ( $post_id, $post, $before ) use ( $recorder ): void {
				if ( $post instanceof WP_Post && $before instanceof WP_Post && self::concerns( $before ) && $recorder->is_on() ) {
					$key = self::key( $post->ID );
					$this->watch( $post, array_key_exists( $key, $this->before ) ? $this->before[ $key ] : $before, $recorder );
				}
			},
			Recorder::FIRST,
			3
		);
		add_action(
			'deleted_post',
			static function ( $post_id, $post ) use ( $recorder ): void {
				if ( $post instanceof WP_Post && 'publish' === $post->post_status && $recorder->is_on() ) {
					Settling::withdraw( self::TYPE, (string) $post_id );
				}
			},
			10,
			2
		);
	}

	/**
	 * The members of the data that differ between two states of a post.
	 *
	 * @return string[]
	 */
	public static function changed( WP_Post $before, WP_Post $now ): array {
		$changed = array();
		foreach ( self::MEMBERS as $member => $columns ) {
			foreach ( $columns as $column ) {
				if ( (string) $before->$column !== (string) $now->$column && self::sent( $member, $before->$column ) !== self::sent( $member, $now->$column ) ) {
					$changed[] = $member;
					break;
				}
			}
		}
		return $changed;
	}

	private static function concerns( WP_Post $before ): bool {
		return 'publish' === $before->post_status
			&& PostPublished::is_of_public_type( $before )
			&& ! Results::is_handling()
			&& ! ( defined( 'WP_IMPORTING' ) && WP_IMPORTING );
	}

	/**
	 * A column as the data has it.
	 *
	 * @param mixed $value
	 */
	private static function sent( string $member, $value ): string {
		if ( 'content' === $member ) {
			return mb_substr( Text::without_block_comments( (string) $value ), 0, Payload::MAX_CONTENT_CHARS );
		}
		return in_array( $member, array( 'title', 'excerpt' ), true ) ? Text::plain( (string) $value, 20000 ) : (string) $value;
	}

	private static function key( int $post_id ): string {
		return get_current_blog_id() . ':' . $post_id;
	}

	private function watch( WP_Post $post, ?WP_Post $before, Recorder $recorder ): void {
		$key = self::key( $post->ID );
		// First what it was: a full recorder captures at once.
		$this->before[ $key ] = $before;
		$recorder->capture(
			'update:' . $post->ID,
			function () use ( $key, $post ): ?Event {
				$before = $this->before[ $key ] ?? null;
				unset( $this->before[ $key ] );
				$now = get_post( $post->ID );
				return null === $before ? null : self::event( $before, $now instanceof WP_Post ? $now : $before );
			}
		);
	}

	private static function event( WP_Post $before, WP_Post $post ): ?Event {
		$is_open = 'publish' === $post->post_status && '' === $post->post_password;
		if ( ! $is_open ) {
			// What still waits was written while everyone could read it.
			Settling::withdraw( self::TYPE, (string) $post->ID );
		}
		$changed = self::changed( $before, $post );
		// A password that was removed is reported as a publishing.
		if ( 'publish' !== $post->post_status || array() === $changed || ( $is_open && '' !== $before->post_password ) ) {
			return null;
		}
		return self::of( $post, $changed );
	}

	/**
	 * @param string[] $changed Members of the data.
	 */
	public static function of( WP_Post $post, array $changed ): Event {
		$modified = strtotime( $post->post_modified_gmt . ' UTC' );
		$data     = PostPublished::data( $post ) + array(
			'modified_at' => Clock::rfc3339( ( $modified > 0 ? $modified : time() ) * 1000 ),
			'changed'     => $changed,
		);
		return new Event(
			array(
				'type'       => self::TYPE,
				'object_ref' => (string) $post->ID,
				'data'       => $data,
				'dedupe_key' => implode( ':', array( self::TYPE, get_current_blog_id(), $post->ID, $post->post_modified_gmt, PostPublished::state( $post ) ) ),
				'post_id'    => $post->ID,
				'wanted'     => '' === $post->post_password,
				'settle_ms'  => self::SETTLE_MS,
			)
		);
	}
}
