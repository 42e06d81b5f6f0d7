<?php
/**
 * What every form plugin's submission becomes: a `form.submitted` event.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events\Forms;

use Pressferry\Clock;
use Pressferry\Events\Event;
use Pressferry\Uuid;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Submission {

	const TYPE       = 'form.submitted';
	const MAX_FIELDS = 200;
	const MAX_ITEMS  = 100;
	const MAX_CHARS  = 20000;

	// Never leave the site, whatever plugin names them so.
	const SECRET_TYPES = array( 'password', 'creditcard', 'credit-card', 'stripe-credit-card', 'authorize_net', 'square', 'captcha', 'recaptcha', 'hcaptcha', 'turnstile', 'honeypot', 'file', 'fileupload', 'file-upload', 'file_upload', 'upload', 'signature' );

	// What a form shows and no one enters.
	const LAYOUT_TYPES = array( 'html', 'divider', 'pagebreak', 'page', 'section', 'content', 'submit', 'step', 'hr', 'quiz', 'spam' );

	/**
	 * The event. A submission that its plugin does not store has its own id.
	 *
	 * @param string               $plugin The form plugin's name, e.g. cf7; part of what tells two submissions apart.
	 * @param array<string, mixed> $form   form_id, fields; optional form_name, entry_id, page_url, post_id, wanted.
	 */
	public static function event( string $plugin, array $form ): Event {
		$entry_id = (string) ( $form['entry_id'] ?? '' );
		$id       = in_array( $entry_id, array( '', '0' ), true ) ? Uuid::v4() : $entry_id;
		$data     = array(
			'form_id'      => (string) $form['form_id'],
			'form_name'    => mb_substr( (string) ( $form['form_name'] ?? '' ), 0, 255 ),
			'entry_id'     => $id,
			'page_url'     => self::page_url( (string) ( $form['page_url'] ?? '' ) ),
			'submitted_at' => Clock::rfc3339( ( new Clock() )->now_ms() ),
			'fields'       => (object) self::fields( (array) $form['fields'] ),
		);
		foreach ( array( 'form_name', 'page_url' ) as $optional ) {
			if ( '' === $data[ $optional ] ) {
				unset( $data[ $optional ] );
			}
		}
		return new Event(
			array(
				'type'       => self::TYPE,
				'object_ref' => $plugin . ':' . $data['form_id'] . ':' . $id,
				'data'       => $data,
				'dedupe_key' => implode( ':', array( self::TYPE, $plugin, get_current_blog_id(), $data['form_id'], $id ) ),
				'post_id'    => (int) ( $form['post_id'] ?? 0 ),
				'wanted'     => (bool) ( $form['wanted'] ?? true ),
			)
		);
	}

	/**
	 * Whether a field of this type is something that the visitor entered and that may leave the site.
	 */
	public static function may_leave( string $type ): bool {
		$type = strtolower( rtrim( $type, '*' ) );
		return ! in_array( $type, self::SECRET_TYPES, true ) && ! in_array( $type, self::LAYOUT_TYPES, true );
	}

	/**
	 * Adds a field under its name; a second one of the same name gets its id behind it.
	 *
	 * @param array<string, mixed> $fields
	 * @param string               $name  What people call it; its id if no one named it.
	 * @param string               $id
	 * @param mixed                $value
	 */
	public static function add( array &$fields, string $name, string $id, $value ): void {
		$name            = '' === trim( $name ) ? $id : trim( $name );
		$name            = isset( $fields[ $name ] ) ? $name . ' (' . $id . ')' : $name;
		$fields[ $name ] = $value;
	}

	/**
	 * Texts, numbers, yes or no, and lists of texts, as the schema wants them; maps inside become fields of their own.
	 *
	 * @param array<int|string, mixed> $fields
	 * @return array<string, mixed>
	 */
	private static function fields( array $fields, string $prefix = '' ): array {
		$flat = array();
		foreach ( $fields as $name => $value ) {
			$name = $prefix . mb_substr( (string) $name, 0, 200 );
			if ( is_array( $value ) && self::is_map( $value ) ) {
				$flat += self::fields( $value, $name . '.' );
			} elseif ( is_array( $value ) ) {
				$flat[ $name ] = array_slice( array_map( array( self::class, 'text' ), array_values( array_filter( $value, 'is_scalar' ) ) ), 0, self::MAX_ITEMS );
			} elseif ( is_string( $value ) ) {
				$flat[ $name ] = self::text( $value );
			} elseif ( null === $value || is_scalar( $value ) ) {
				$flat[ $name ] = $value;
			}
		}
		return array_slice( $flat, 0, self::MAX_FIELDS, true );
	}

	/**
	 * @param array<int|string, mixed> $value
	 */
	private static function is_map( array $value ): bool {
		foreach ( $value as $key => $item ) {
			if ( is_string( $key ) || is_array( $item ) ) {
				return true;
			}
		}
		return false;
	}

	/**
	 * @param int|float|string|bool $value
	 */
	private static function text( $value ): string {
		return mb_substr( (string) $value, 0, self::MAX_CHARS );
	}

	private static function page_url( string $url ): string {
		return 1 === preg_match( '#^https?://\S{1,2000}$#', $url ) ? $url : '';
	}
}
