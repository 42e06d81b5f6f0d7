<?php
/**
 * What the plugin itself may do with a result. Each is off until someone switches it on.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Consumers;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Consumers {

	const OPTION = 'pressferry_consumers';

	/**
	 * The consumers by id, with the event types whose results each takes; none: any.
	 */
	const ALL = array(
		'excerpt' => array( Excerpt::class, array( 'post.published', 'post.updated' ) ),
		'alt'     => array( AltText::class, array( 'post.published', 'post.updated' ) ),
		'reply'   => array( CommentReply::class, array( 'comment.created' ) ),
		'score'   => array( LeadScore::class, array() ),
	);

	public static function register(): void {
		add_action( 'pressferry_result', array( self::class, 'consume' ) );
	}

	/**
	 * @return array<string, string> What each does, for people.
	 */
	public static function labels(): array {
		return array(
			'excerpt' => __( 'Take a post\'s summary as its excerpt, if no person wrote one', 'pressferry' ),
			'alt'     => __( 'Take alternative texts for a post\'s images that have none', 'pressferry' ),
			'reply'   => __( 'Keep the draft of an answer to a comment as a comment that awaits moderation', 'pressferry' ),
			'score'   => __( 'Note a lead\'s score at the order, or at the entry of Gravity Forms', 'pressferry' ),
		);
	}

	/**
	 * @return string[] The ids of those that are on.
	 */
	public static function on(): array {
		$on = get_option( self::OPTION, array() );
		return array_values( array_intersect( is_array( $on ) ? $on : array(), array_keys( self::ALL ) ) );
	}

	/**
	 * @param string[] $ids
	 */
	public static function switch_on( array $ids ): void {
		update_option( self::OPTION, array_values( array_intersect( $ids, array_keys( self::ALL ) ) ), false );
	}

	/**
	 * @param array<string, mixed> $result As `pressferry_result` gives it.
	 */
	public static function consume( $result ): void {
		if ( ! is_array( $result ) || 'succeeded' !== ( $result['status'] ?? '' ) || ! is_array( $result['output'] ?? null ) ) {
			return;
		}
		foreach ( self::on() as $id ) {
			list( $class, $types ) = self::ALL[ $id ];
			if ( array() === $types || in_array( $result['event_type'], $types, true ) ) {
				$class::take( $result );
			}
		}
	}

	/**
	 * A member of the output as plain text; an empty string when it is none.
	 *
	 * @param array<string, mixed> $result
	 */
	public static function text( array $result, string $name ): string {
		$text = $result['output'][ $name ] ?? '';
		return is_scalar( $text ) ? trim( wp_strip_all_tags( (string) $text ) ) : '';
	}
}
