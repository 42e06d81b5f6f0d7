<?php
/**
 * Gravity Forms: each entry that is not spam.
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

final class GravityForms implements Source {

	public function register( Recorder $recorder ): void {
		// Not gform_entry_created, which fires before feeds and payments.
		add_action(
			'gform_after_submission',
			static function ( $entry, $form ) use ( $recorder ): void {
				$recorder->record(
					static function () use ( $entry, $form ): ?Event {
						// It fires for spam too.
						return 'spam' === ( $entry['status'] ?? '' ) ? null : self::event( (array) $entry, (array) $form );
					}
				);
			},
			Recorder::FIRST,
			2
		);
	}

	/**
	 * @param array<int|string, mixed> $entry id, source_url, and a value by input id: 1, or 1.3 for a part of field 1.
	 * @param array<string, mixed>     $form  id, title, fields: objects with id, label, type, inputs.
	 */
	private static function event( array $entry, array $form ): Event {
		$entered = array();
		foreach ( (array) ( $form['fields'] ?? array() ) as $field ) {
			// Passwords are there in memory, and only there.
			if ( Submission::may_leave( (string) $field->type ) ) {
				Submission::add( $entered, (string) $field->label, (string) $field->id, self::value( $entry, $field ) );
			}
		}
		return Submission::event(
			'gravityforms',
			array(
				'form_id'   => (string) ( $form['id'] ?? '' ),
				'form_name' => (string) ( $form['title'] ?? '' ),
				'entry_id'  => (string) ( $entry['id'] ?? '' ),
				'page_url'  => (string) ( $entry['source_url'] ?? '' ),
				'fields'    => $entered,
			)
		);
	}

	/**
	 * @param array<int|string, mixed> $entry
	 * @param object                   $field
	 * @return mixed
	 */
	private static function value( array $entry, $field ) {
		if ( ! is_array( $field->inputs ?? null ) ) {
			return $entry[ (string) $field->id ] ?? '';
		}
		$parts = array();
		foreach ( $field->inputs as $input ) {
			$part = (string) ( $entry[ (string) $input['id'] ] ?? '' );
			if ( '' !== $part ) {
				$parts[] = $part;
			}
		}
		// Choices are a list; the parts of a name or an address are one text.
		return 'checkbox' === $field->type ? $parts : implode( ' ', $parts );
	}
}
