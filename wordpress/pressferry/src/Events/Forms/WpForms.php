<?php
/**
 * WPForms: each entry that was completed; Lite, which stores none, gives no entry id.
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

final class WpForms implements Source {

	public function register( Recorder $recorder ): void {
		// Not wpforms_process_entry_saved, which fires for stored spam too.
		add_action(
			'wpforms_process_complete',
			static function ( $fields, $entry, $form_data, $entry_id ) use ( $recorder ): void {
				$recorder->record(
					static function () use ( $fields, $form_data, $entry_id ): Event {
						return self::event( (array) $fields, (array) $form_data, $entry_id );
					}
				);
			},
			Recorder::FIRST,
			4
		);
	}

	/**
	 * @param array<int|string, mixed> $fields    By field id: name, value, id, type.
	 * @param array<string, mixed>     $form_data id; settings with form_title.
	 * @param int|string               $entry_id  0 or an empty string if nothing was stored.
	 */
	private static function event( array $fields, array $form_data, $entry_id ): Event {
		$entered = array();
		foreach ( $fields as $id => $field ) {
			if ( is_array( $field ) && Submission::may_leave( (string) ( $field['type'] ?? '' ) ) ) {
				Submission::add( $entered, (string) ( $field['name'] ?? '' ), (string) $id, $field['value'] ?? '' );
			}
		}
		return Submission::event(
			'wpforms',
			array(
				'form_id'   => (string) ( $form_data['id'] ?? '' ),
				'form_name' => (string) ( $form_data['settings']['form_title'] ?? '' ),
				'entry_id'  => (string) $entry_id,
				'page_url'  => (string) wp_get_referer(),
				'fields'    => $entered,
			)
		);
	}
}
