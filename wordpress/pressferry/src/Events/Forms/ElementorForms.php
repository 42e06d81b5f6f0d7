<?php
/**
 * The forms of Elementor Pro.
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

final class ElementorForms implements Source {

	public function register( Recorder $recorder ): void {
		// After the form's own actions, inside the visitor's request.
		add_action(
			'elementor_pro/forms/new_record',
			static function ( $record ) use ( $recorder ): void {
				$recorder->record(
					static function () use ( $record ): Event {
						return self::event( $record );
					}
				);
			},
			Recorder::FIRST
		);
	}

	/**
	 * @param object $record Elementor's Form_Record: get( 'fields' ), get_form_settings( … ).
	 */
	private static function event( $record ): Event {
		$entered = array();
		foreach ( (array) $record->get( 'fields' ) as $id => $field ) {
			if ( Submission::may_leave( (string) ( $field['type'] ?? '' ) ) ) {
				Submission::add( $entered, (string) $id, (string) $id, $field['value'] ?? '' );
			}
		}
		return Submission::event(
			'elementor',
			array(
				'form_id'   => (string) $record->get_form_settings( 'id' ),
				'form_name' => (string) $record->get_form_settings( 'form_name' ),
				'page_url'  => (string) wp_get_referer(),
				'fields'    => $entered,
			)
		);
	}
}
