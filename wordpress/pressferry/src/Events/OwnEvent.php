<?php
/**
 * Events that other code records by `pressferry_record_event`.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

use Pressferry\Plugin;
use Pressferry\Uuid;
use WP_Error;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class OwnEvent {

	const TYPE = '/^[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30}){1,3}$/';

	/**
	 * @param array<string, mixed> $data
	 * @param array<string, mixed> $options dedupe_key, post_id.
	 * @return string|WP_Error added, duplicate, unwanted, or what is wrong.
	 */
	public static function record( string $type, string $object_ref, array $data, array $options ) {
		$recorder = Plugin::recorder();
		if ( null === $recorder ) {
			return new WP_Error( 'pressferry_too_early', __( 'Pressferry has not started yet: record events at init or later.', 'pressferry' ) );
		}
		if ( 1 !== preg_match( self::TYPE, $type ) ) {
			return new WP_Error( 'pressferry_type_invalid', __( 'An event type has two to four words in lower case, with dots between them.', 'pressferry' ) );
		}
		if ( '' === $object_ref || mb_strlen( $object_ref ) > 255 || 1 === preg_match( '/[\x00-\x1f\x7f]/', $object_ref ) ) {
			return new WP_Error( 'pressferry_object_ref_invalid', __( 'An object reference has 1 to 255 characters, and no control characters.', 'pressferry' ) );
		}
		try {
			$recorded = $recorder->write(
				new Event(
					array(
						'type'       => $type,
						'object_ref' => $object_ref,
						'data'       => $data,
						'dedupe_key' => implode( ':', array( 'own', $type, get_current_blog_id(), (string) ( $options['dedupe_key'] ?? Uuid::v4() ) ) ),
						'post_id'    => (int) ( $options['post_id'] ?? 0 ),
					)
				)
			);
		} catch ( \Throwable $error ) {
			/* translators: %s: the class of an error. */
			return new WP_Error( 'pressferry_filter_failed', sprintf( __( 'A filter of this event failed: %s.', 'pressferry' ), get_class( $error ) ) );
		}
		return Recorder::LOST === $recorded ? new WP_Error( 'pressferry_lost', __( 'Neither the database nor the file system took the event.', 'pressferry' ) ) : $recorded;
	}
}
