<?php
/**
 * What leaves the site: for each event type the members of its data, each with a box, and a preview.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Contract\Shapes;
use Pressferry\Events\Fields;
use Pressferry\Http\TestEvent;
use Pressferry\Outbox\Schema;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class FieldsTab implements Tab {

	public function label(): string {
		return __( 'What leaves', 'pressferry' );
	}

	public function render(): void {
		Screen::form( 'fields' );
		echo '<p>' . esc_html__( 'Choose what each event carries. What the backend needs always leaves. Everything else leaves unless you take its box away; what a later version adds to a type for which you have chosen stays here until you tick it.', 'pressferry' ) . '</p>';
		foreach ( self::types() as $type ) {
			$this->type( $type, Schema::fields()[ $type ] ?? null );
		}
		submit_button( __( 'Save and preview', 'pressferry' ) );
		echo '</form>';
	}

	public function act( array $form ): string {
		$wanted = array();
		foreach ( self::types() as $type ) {
			$ticked          = array_filter( (array) ( $form['fields'][ $type ] ?? array() ), 'is_string' );
			$wanted[ $type ] = array_values( $ticked );
			foreach ( array_filter( (array) ( $form['names'][ $type ] ?? array() ), 'is_string' ) as $path => $lines ) {
				$leaves = Fields::REQUIRED_MAP === ( Fields::choices( $type )[ $path ] ?? '' ) || in_array( $path, $ticked, true );
				foreach ( $leaves ? array_filter( array_map( 'trim', explode( "\n", $lines ) ), 'strlen' ) : array() as $name ) {
					$wanted[ $type ][] = $path . '.' . sanitize_text_field( $name );
				}
			}
		}
		Fields::choose( $wanted );
		return 'saved';
	}

	public function said( string $word ): string {
		return 'saved' === $word ? __( 'Saved. The previews show what would leave now.', 'pressferry' ) : '';
	}

	/**
	 * @return string[]
	 */
	private static function types(): array {
		return array_values( array_diff( array_keys( Shapes::TYPES ), array( TestEvent::TYPE ) ) );
	}

	/**
	 * @param string[]|null $chosen Null: no choice.
	 */
	private function type( string $type, ?array $chosen ): void {
		printf( '<h2><code>%1$s</code></h2><fieldset style="min-width:0"><legend class="screen-reader-text">%1$s</legend><p>', esc_html( $type ) );
		$maps = array();
		foreach ( Fields::choices( $type ) as $path => $kind ) {
			$required = in_array( $kind, array( Fields::REQUIRED, Fields::REQUIRED_MAP ), true );
			$names    = self::names( $chosen ?? array(), $path );
			$is_on    = $required || null === $chosen || in_array( $path, $chosen, true ) || array() !== $names;
			printf( '<label style="display:inline-block;min-width:14em"><input type="checkbox" name="fields[%1$s][]" value="%2$s"%3$s%4$s> <code>%2$s</code></label>', esc_attr( $type ), esc_attr( $path ), checked( $is_on, true, false ), disabled( $required, true, false ) );
			if ( in_array( $kind, array( Fields::MAP, Fields::REQUIRED_MAP ), true ) ) {
				$maps[ $path ] = $names;
			}
		}
		echo '</p>';
		foreach ( $maps as $path => $names ) {
			/* translators: %s: the name of a member. */
			$label = sprintf( __( 'Of %s only these, one a line (empty: all)', 'pressferry' ), $path );
			printf( '<p><label>%s<br><textarea name="names[%s][%s]" rows="2" cols="40" style="max-width:100%%" spellcheck="false">%s</textarea></label></p>', esc_html( $label ), esc_attr( $type ), esc_attr( $path ), esc_textarea( implode( "\n", $names ) ) );
		}
		$preview = Preview::of( $type );
		printf( '</fieldset><details><summary>%s</summary><p class="description">%s</p><pre style="white-space:pre-wrap;overflow-wrap:anywhere"><bdi>%s</bdi></pre></details>', esc_html__( 'Preview', 'pressferry' ), esc_html( $preview['origin'] ), esc_html( $preview['json'] ) );
	}

	/**
	 * @param string[] $chosen
	 * @return string[]
	 */
	private static function names( array $chosen, string $map ): array {
		$names = array();
		foreach ( $chosen as $path ) {
			if ( 0 === strpos( $path, $map . '.' ) ) {
				$names[] = substr( $path, strlen( $map ) + 1 );
			}
		}
		return $names;
	}
}
