<?php
/**
 * Ninja Forms: each submission, not the previews of the form's editor.
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

final class NinjaForms implements Source {

	public function register( Recorder $recorder ): void {
		add_action(
			'ninja_forms_after_submission',
			static function ( $data ) use ( $recorder ): void {
				$recorder->record(
					static function () use ( $data ): ?Event {
						return empty( $data['settings']['is_preview'] ) ? self::event( (array) $data ) : null;
					}
				);
			},
			Recorder::FIRST
		);
	}

	/**
	 * @param array<string, mixed> $data form_id; settings with title; fields with key, value, type; actions.save.sub_id if it was stored.
	 */
	private static function event( array $data ): Event {
		$entered = array();
		foreach ( (array) ( $data['fields'] ?? array() ) as $id => $field ) {
			if ( is_array( $field ) && Submission::may_leave( (string) ( $field['type'] ?? '' ) ) ) {
				Submission::add( $entered, (string) ( $field['key'] ?? '' ), (string) $id, $field['value'] ?? '' );
			}
		}
		return Submission::event(
			'ninjaforms',
			array(
				'form_id'   => (string) ( $data['form_id'] ?? '' ),
				'form_name' => (string) ( $data['settings']['title'] ?? '' ),
				'entry_id'  => (string) ( $data['actions']['save']['sub_id'] ?? '' ),
				'page_url'  => (string) wp_get_referer(),
				'fields'    => $entered,
			)
		);
	}
}
