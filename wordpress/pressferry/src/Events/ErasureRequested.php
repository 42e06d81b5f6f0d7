<?php
/**
 * `subject.erasure_requested`: once for each request to erase personal data that has been confirmed. The person is named by a hash only.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

use Pressferry\Clock;
use Pressferry\Config;
use WP_Post;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class ErasureRequested implements Source {

	const TYPE   = 'subject.erasure_requested';
	const ACTION = 'remove_personal_data';

	/** @var Config */
	private $config;

	public function __construct( Config $config ) {
		$this->config = $config;
	}

	public function register( Recorder $recorder ): void {
		// The request is a post: this covers the link in the mail, the screen, and a request that was made confirmed.
		add_action(
			'transition_post_status',
			function ( $new_status, $old_status, $post ) use ( $recorder ): void {
				if ( $post instanceof WP_Post && 'user_request' === $post->post_type && self::ACTION === $post->post_name && 'request-confirmed' === $post->post_status ) {
					$recorder->capture(
						'erasure:' . $post->ID,
						function () use ( $post ): Event {
							return $this->event( $post );
						}
					);
				}
			},
			Recorder::FIRST,
			3
		);
	}

	/**
	 * The hash by which the backend finds what it has of a person.
	 */
	public static function subject_hash( string $email, string $secret ): string {
		return hash_hmac( 'sha256', strtolower( trim( $email ) ), $secret );
	}

	private function event( WP_Post $request ): Event {
		$confirmed = strtotime( $request->post_modified_gmt . ' UTC' );
		return new Event(
			array(
				'type'       => self::TYPE,
				'object_ref' => (string) $request->ID,
				'data'       => array(
					'request_id'   => $request->ID,
					'subject_hash' => self::subject_hash( $request->post_title, $this->config->get( 'HMAC_SECRET' ) ),
					'requested_at' => Clock::rfc3339( ( $confirmed > 0 ? $confirmed : time() ) * 1000 ),
				),
				'dedupe_key' => implode( ':', array( self::TYPE, get_current_blog_id(), $request->ID ) ),
				// Without a secret there is no hash by which anybody could be found.
				'wanted'     => '' !== $this->config->get( 'HMAC_SECRET' ),
			)
		);
	}
}
