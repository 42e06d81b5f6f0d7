<?php
/**
 * The scripts of boxes that keep themselves true while a screen stays open.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class LiveBox {

	/**
	 * Loads `assets/{name}.js`, with what all such boxes share before it, and gives it its settings.
	 *
	 * @param string                $name     The script.
	 * @param string                $variable The member of `window` that holds the settings.
	 * @param array<string, string> $settings Where to ask, and with what.
	 * @param string[]              $after    Scripts that it needs.
	 */
	public static function enqueue( string $name, string $variable, array $settings, array $after = array() ): void {
		wp_register_script( 'pressferry-replace-box', self::url( 'replace-box' ), array(), PRESSFERRY_VERSION, true );
		wp_enqueue_script( "pressferry-$name", self::url( $name ), array_merge( array( 'pressferry-replace-box' ), $after ), PRESSFERRY_VERSION, true );
		wp_add_inline_script( "pressferry-$name", "window.$variable = " . wp_json_encode( $settings + array( 'url' => admin_url( 'admin-ajax.php' ) ) ) . ';', 'before' );
	}

	private static function url( string $name ): string {
		return plugins_url( "assets/$name.js", PRESSFERRY_PLUGIN_FILE );
	}
}
