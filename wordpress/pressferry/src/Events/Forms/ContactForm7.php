<?php
/**
 * Contact Form 7: each submission that it took, whether its mail went out or not.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events\Forms;

use Pressferry\Events\Event;
use Pressferry\Events\Recorder;
use Pressferry\Events\Source;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class ContactForm7 implements Source {

	// wpcf7_submit also fires for spam, invalid forms, and forms that another plugin aborted.
	const TAKEN = array( 'mail_sent', 'mail_failed' );

	public function register( Recorder $recorder ): void {
		// Not wpcf7_mail_sent, which loses the lead when the mail server is down.
		add_action(
			'wpcf7_submit',
			static function ( $form, $result ) use ( $recorder ): void {
				$recorder->record(
					static function () use ( $form, $result ): ?Event {
						return self::is_taken( (array) $result ) ? self::event( $form ) : null;
					}
				);
			},
			Recorder::FIRST,
			2
		);
	}

	/**
	 * @param array<string, mixed> $result
	 */
	private static function is_taken( array $result ): bool {
		return in_array( $result['status'] ?? '', self::TAKEN, true ) && empty( $result['demo_mode'] );
	}

	/**
	 * @param \WPCF7_ContactForm $form
	 */
	private static function event( $form ): ?Event {
		$submission = \WPCF7_Submission::get_instance();
		if ( null === $submission ) {
			return null;
		}
		$posted = (array) $submission->get_posted_data();
		foreach ( $form->scan_form_tags() as $tag ) {
			if ( ! Submission::may_leave( (string) $tag->basetype ) ) {
				unset( $posted[ $tag->name ] );
			}
		}
		return Submission::event(
			'cf7',
			array(
				'form_id'   => (string) $form->id(),
				'form_name' => (string) $form->title(),
				'page_url'  => (string) $submission->get_meta( 'url' ),
				'post_id'   => (int) $submission->get_meta( 'container_post_id' ),
				'fields'    => $posted,
				// The visitor was asked whether it may be stored, and did not say yes.
				'wanted'    => ! $submission->get_meta( 'do_not_store' ),
			)
		);
	}
}
