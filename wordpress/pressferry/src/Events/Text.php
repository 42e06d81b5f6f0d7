<?php
/**
 * Texts of WordPress as events carry them. Without regular expressions: PCRE gives up on large texts, and would leave nothing.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Text {

	/**
	 * The HTML without the block editor's comments, and without the white space after each.
	 */
	public static function without_block_comments( string $html ): string {
		$kept = '';
		$at   = 0;
		while ( false !== ( $start = strpos( $html, '<!--', $at ) ) ) { // phpcs:ignore Generic.CodeAnalysis.AssignmentInCondition -- a loop over finds.
			$name = $start + 4 + strspn( $html, " \t\r\n", $start + 4 );
			$name = $name + ( '/' === ( $html[ $name ] ?? '' ) ? 1 : 0 );
			$end  = strpos( $html, '-->', $start );
			if ( false === $end || 0 !== substr_compare( $html, 'wp:', $name, 3 ) ) {
				$kept .= substr( $html, $at, $start + 4 - $at );
				$at    = $start + 4;
				continue;
			}
			$kept .= substr( $html, $at, $start - $at );
			$at    = $end + 3 + strspn( $html, " \t\r\n", $end + 3 );
		}
		return trim( $kept . substr( $html, $at ) );
	}

	/**
	 * Plain text of HTML, at most $max characters, entities decoded.
	 */
	public static function plain( string $html, int $max ): string {
		$text = wp_strip_all_tags( $html );
		if ( '' === $text && '' !== trim( $html ) ) {
			// PCRE may have given up in there.
			$text = trim( strip_tags( $html ) ); // phpcs:ignore WordPress.WP.AlternativeFunctions.strip_tags_strip_tags -- the fall-back where wp_strip_all_tags found nothing.
		}
		return mb_substr( html_entity_decode( $text, ENT_QUOTES, 'UTF-8' ), 0, $max );
	}
}
